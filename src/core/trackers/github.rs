//! A script that creates issues for a plan, with `gh`.

use std::collections::BTreeMap;

use super::export::{Exported, Item};

/// Maximum length of a description in an issue; GitHub's limit is 65,536 characters.
const LONGEST_BODY: usize = 60_000;

const HEAD: &str = r#"#!/bin/sh
# Issues of GitHub for NAME. Run it in a clone of the repository that is to have them, or name that in GH_REPO; it
# needs gh, and asks for nothing. Running it again adds what is missing, closes what is over, and makes nothing twice.
set -eu

repository=$(gh repo view ${GH_REPO:+"$GH_REPO"} --json url --jq .url)
gh label create planspec --force --description 'Planned with planspec' > /dev/null
known=$(gh issue list --state all --limit 100000 --label planspec --json number,body --jq \
  '.[] | "\(.number) \([.body | scan("planspec: [^ \r\n]+")] | last)"')

# issue KEY URL TITLE BODY: sets $number
issue() {
  case $2 in
    "$repository"/issues/*)
      number=${2##*/}
      return ;;
  esac
  number=$(printf '%s\n' "$known" | awk -v key="planspec: $1" 'substr($0, index($0, " ") + 1) == key { print $1; exit }')
  if [ -z "$number" ]; then
    url=$(gh issue create --label planspec --title="$3" --body="$4")
    number=${url##*/}
  fi
}

# What links issues takes the id of the other one, and not its number.
id() {
  gh api "repos/{owner}/{repo}/issues/$1" --jq .id
}

# part NUMBER WHOLE
part() {
  gh api --paginate "repos/{owner}/{repo}/issues/$2/sub_issues" --jq '.[].number' | grep -qx "$1" ||
    gh api --method POST "repos/{owner}/{repo}/issues/$2/sub_issues" -F "sub_issue_id=$(id "$1")" > /dev/null
}

# blocked NUMBER BY
blocked() {
  gh api --paginate "repos/{owner}/{repo}/issues/$1/dependencies/blocked_by" --jq '.[].number' | grep -qx "$2" ||
    gh api --method POST "repos/{owner}/{repo}/issues/$1/dependencies/blocked_by" -F "issue_id=$(id "$2")" > /dev/null
}
"#;

/// The script. All text from the plan is quoted.
pub fn script(exported: &Exported, describe: impl Fn(&Item) -> String) -> String {
    let mut text = HEAD.replace("NAME", &exported.name);
    let numbers: BTreeMap<&str, usize> = exported
        .items
        .iter()
        .zip(1_usize..)
        .map(|(item, number)| (item.id.as_str(), number))
        .collect();
    for (item, number) in exported.items.iter().zip(1_usize..) {
        let key = format!("{}/{}", exported.name, item.node);
        let title = item.title.split_whitespace().collect::<Vec<_>>().join(" ");
        let words = [
            key.clone(),
            item.url.clone().unwrap_or_default(),
            title,
            body(item, &describe(item), &key),
        ];
        let words: Vec<String> = words.iter().map(|word| quoted(word)).collect();
        text.push_str(&format!("\nissue {}\nn{number}=$number\n", words.join(" ")));
    }
    text.push('\n');
    for (item, number) in exported.items.iter().zip(1_usize..) {
        let of = |id: &String| numbers.get(id.as_str());
        if let Some(whole) = item.parent.as_ref().and_then(of) {
            text.push_str(&format!("part \"$n{number}\" \"$n{whole}\"\n"));
        }
        for other in item.depends_on.iter().filter_map(of) {
            text.push_str(&format!("blocked \"$n{number}\" \"$n{other}\"\n"));
        }
        if item.is_done() {
            text.push_str(&format!(
                "gh issue close \"$n{number}\" --reason completed\n"
            ));
        } else if item.is_given_up() {
            text.push_str(&format!(
                "gh issue close \"$n{number}\" --reason 'not planned'\n"
            ));
        }
    }
    text
}

/// A quoted shell word. Control characters are left out, for the safety of people who read the script first.
fn quoted(word: &str) -> String {
    let kept = word.chars().filter(|c| !c.is_control() || *c == '\n');
    format!("'{}'", kept.collect::<String>().replace('\'', "'\\''"))
}

/// The body of the issue; its last line contains the key by which the issue is found again.
fn body(item: &Item, describe: &str, key: &str) -> String {
    let end = item
        .description
        .char_indices()
        .nth(LONGEST_BODY)
        .map(|(end, _)| end);
    let description = item
        .description
        .get(..end.unwrap_or(item.description.len()));
    let mut parts = vec![description.unwrap_or_default().trim_end().to_owned()];
    if !item.criteria.is_empty() {
        let criteria: Vec<String> = item
            .criteria
            .iter()
            .map(|name| format!("- {name}"))
            .collect();
        parts.push(format!("Accepted for:\n{}", criteria.join("\n")));
    }
    if item.id != item.node {
        parts.push(format!("Step: {}", item.id));
    }
    parts.extend(item.state().map(|state| format!("State: {state}")));
    parts.extend(item.link.clone());
    parts.push(format!("`{describe}`"));
    parts.push(format!("planspec: {key}"));
    parts.retain(|part| !part.is_empty());
    parts.join("\n\n")
}
