// Looks through search.json, which is loaded when somebody begins to search: [address, page, heading, text] of each section.
'use strict';
const root = document.currentScript.dataset.root;
const box = document.querySelector('search');
const input = box.querySelector('input');
const found = box.querySelector('#found');
let index;

const load = () => (index ??= fetch(`${root}search.json`).then(answer => answer.json()));

// A word in a heading counts more than one in a text; each has to be somewhere.
function score([, page, heading, text], words) {
  let sum = 0;
  for (const word of words) {
    const points = (heading.toLowerCase().includes(word) ? 10 : 0) + (page.toLowerCase().includes(word) ? 5 : 0) +
      (text.toLowerCase().includes(word) ? 1 : 0);
    if (!points) return 0;
    sum += points;
  }
  return sum;
}

function excerpt(text, word) {
  const at = Math.max(0, text.toLowerCase().indexOf(word) - 50);
  return (at ? '… ' : '') + text.slice(at, at + 140) + (at + 140 < text.length ? ' …' : '');
}

function entry([address, page, heading, text], word) {
  const link = document.createElement('a');
  link.href = root + address;
  const title = document.createElement('strong');
  title.textContent = heading === page ? page : `${page}: ${heading}`;
  link.append(title, excerpt(text, word));
  const item = document.createElement('li');
  item.append(link);
  return item;
}

async function search() {
  const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
  if (!words.length) return found.replaceChildren();
  const sections = await load();
  const ranked = sections.map(section => [score(section, words), section]).filter(([points]) => points);
  ranked.sort(([a], [b]) => b - a);
  const list = document.createElement('ul');
  list.append(...ranked.slice(0, 20).map(([, section]) => entry(section, words[0])));
  found.replaceChildren(ranked.length ? list : 'Nothing found');
}

box.hidden = false;
input.addEventListener('focus', load);
input.addEventListener('input', search);
document.addEventListener('keydown', event => {
  if (event.key === '/' && document.activeElement.tagName !== 'INPUT') {
    event.preventDefault();
    input.focus();
  } else if (event.key === 'Escape') {
    input.value = '';
    found.replaceChildren();
  }
});

// On a narrow screen the menu is closed until somebody wants it.
if (matchMedia('(max-width: 60rem)').matches) document.querySelector('nav details').open = false;
