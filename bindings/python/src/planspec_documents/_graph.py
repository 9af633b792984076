"""The graph of a plan: order, what is wrong with it, its digest. Node ``i`` is ``nodes[i]``; nothing recurses."""

from __future__ import annotations

import hashlib
import heapq
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ._findings import KEY, VALUE, Diagnostic, Path
from ._suggest import suggestion
from ._write import canonical

Pair = tuple[int, int]

NODES: Path = ("spec", "graph", "nodes")
EDGES: Path = ("spec", "graph", "edges")

_MOST_NODES = 1000
_SUGGESTIONS = 20


class Written(NamedTuple):
    """An edge as it stands in the file, in ``edges`` or as ``dependsOn``."""

    source: str
    target: str
    # The node with the `dependsOn`, by its index, because its id may be ambiguous.
    node: int | None
    kind: str
    source_at: Path
    target_at: Path


def written_edges(graph: Any) -> Iterator[Written]:
    for index, node in enumerate(graph["nodes"]):
        for position, source in enumerate(node.get("dependsOn") or []):
            place = (*NODES, index, "dependsOn", position)
            yield Written(source, node["id"], index, "hard", place, place)
    for index, edge in enumerate(graph.get("edges") or []):
        place = (*EDGES, index)
        yield Written(edge["from"], edge["to"], None, edge.get("type", "hard"), (*place, "from"), (*place, "to"))


def folded_edges(graph: Any) -> dict[tuple[str, str], str]:
    """The edges by their ends: each pair once, hard when any of its edges is."""
    folded: dict[tuple[str, str], str] = {}
    for edge in written_edges(graph):
        pair = (edge.source, edge.target)
        folded[pair] = "hard" if "hard" in (edge.kind, folded.get(pair)) else "soft"
    return folded


def digest(graph: Any) -> str:
    """``sha256:…`` over the canonical JSON of the normal form of a graph."""
    nodes = [_normal(node) for node in sorted(graph["nodes"], key=lambda node: node["id"].encode())]
    edges = [
        {"from": source, "to": target, "type": kind}
        for (source, target), kind in sorted(folded_edges(graph).items(), key=lambda one: [end.encode() for end in one[0]])
    ]
    return "sha256:" + hashlib.sha256(canonical({"nodes": nodes, "edges": edges})).hexdigest()


# Values that are the same as a missing field.
_DEFAULTS: dict[str, Any] = {"retries": 0}


def _normal(node: Any) -> dict[str, Any]:
    normal = {
        name: value
        for name, value in node.items()
        if name != "dependsOn" and value not in ([], {}, None) and _DEFAULTS.get(name, ...) != value
    }
    if "outputs" in normal:
        normal["outputs"] = [{"name": one} if isinstance(one, str) else one for one in normal["outputs"]]
    for name in ("acceptanceCriteria", "context"):
        if name in normal:
            normal[name] = [_normal_item(one) for one in normal[name]]
    if "x-planspec" in normal:
        own = {key: value for key, value in normal["x-planspec"].items() if value not in (False, [])}
        normal.pop("x-planspec")
        if own:
            normal["x-planspec"] = own
    return normal


def _normal_item(item: Any) -> dict[str, Any]:
    """A criterion as it is kept: by its own name for the webhook, and with `required`."""
    if "format" in item:
        return {key: value for key, value in item.items() if value != []}
    normal = {("webhookUrl" if key == "webhook" else key): value for key, value in item.items() if value is not None}
    normal.setdefault("required", True)
    return normal


@dataclass(slots=True)
class Graph:
    """The nodes of a plan and the folded edges between them, with everything that is wrong with them."""

    spec: Any
    problems: list[Diagnostic] = field(default_factory=list)
    index: dict[str, int] = field(default_factory=dict)
    edges: dict[Pair, str] = field(default_factory=dict)
    # Every node after its dependencies, every group after its children.
    order: list[int] = field(default_factory=list)
    _sources: list[list[int]] = field(default_factory=list)

    @property
    def ids(self) -> list[str]:
        return [node["id"] for node in self.spec["nodes"]]

    @classmethod
    def build(cls, spec: Any) -> Graph:
        graph = cls(spec)
        _Builder(graph).run()
        return graph

    def ancestors(self, node: int) -> set[int]:
        """Every node that comes before one, over edges of any kind."""
        if not self._sources:
            self._sources = [[] for _ in self.spec["nodes"]]
            for source, target in self.edges:
                self._sources[target].append(source)
        found: set[int] = set()
        todo = [node]
        while todo:
            for source in self._sources[todo.pop()]:
                if source not in found:
                    found.add(source)
                    todo.append(source)
        return found


class _Builder:
    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.nodes = graph.spec["nodes"]
        self.first_place: dict[Pair, Path] = {}
        self.suggestions = _SUGGESTIONS

    def run(self) -> None:
        self._index()
        members = self._groups()
        self._fold()
        pairs = set(self.graph.edges)
        for cycle in cycles(len(self.nodes), pairs):
            self._say_cycle(cycle)
        if not self.graph.problems:
            self._wait(members, pairs)

    def _say(self, code: str, path: Path, message: str, help: str | None) -> None:
        self.graph.problems.append(Diagnostic(code, path, VALUE, message, help))

    def _ring(self, nodes: Iterable[int]) -> str:
        ids = [self.nodes[node]["id"] for node in nodes]
        ring = [*ids, ids[0]]
        if len(ring) > 40:
            ring = [*ring[:20], f"… {len(ring) - 40} more …", *ring[-20:]]
        return " → ".join(ring)

    def _index(self) -> None:
        for index, node in enumerate(self.nodes):
            if node["id"] in self.graph.index:
                message = f"two nodes have the id `{node['id']}`"
                self._say("PS301", (*NODES, index, "id"), message, "give one of them another id")
            else:
                self.graph.index[node["id"]] = index

    def _near(self, name: str, otherwise: str) -> str:
        if self.suggestions == 0:
            return otherwise
        self.suggestions -= 1
        return suggestion(name, self.graph.ids, otherwise)

    def _groups(self) -> set[Pair]:
        members: set[Pair] = set()
        for index, node in enumerate(self.nodes):
            for position, name in enumerate(node.get("children") or []):
                child = self.graph.index.get(name)
                if child is None:
                    message = f"group `{node['id']}` has a child that does not exist"
                    help = self._near(name, "name a node of this plan")
                    self._say("PS307", (*NODES, index, "children", position), message, help)
                else:
                    members.add((index, child))
        for cycle in cycles_among(len(self.nodes), members):
            message = f"groups contain each other: {self._ring(cycle)}"
            self._say("PS304", (*NODES, cycle[0], "children"), message, "remove one of these children")
        return members

    def _fold(self) -> None:
        for edge in written_edges(self.graph.spec):
            source = self.graph.index.get(edge.source)
            target = edge.node if edge.node is not None else self.graph.index.get(edge.target)
            ends = ((source, edge.source, edge.source_at), (target, edge.target, edge.target_at))
            for found, name, place in ends:
                if found is None:
                    message = f"an edge ends at a node that does not exist: `{name}`"
                    self._say("PS302", place, message, self._near(name, f"add a node `{name}`, or remove the edge"))
            if source is None or target is None:
                continue
            if source == target:
                self._say("PS303", edge.target_at, "a node cannot depend on itself", "remove this dependency")
                continue
            pair = (source, target)
            self.first_place.setdefault(pair, edge.target_at)
            self.graph.edges[pair] = "hard" if "hard" in (edge.kind, self.graph.edges.get(pair)) else "soft"

    def _say_cycle(self, cycle: list[int]) -> None:
        closing = self.first_place[cycle[-1], cycle[0]]
        message = f"the graph has a cycle: {self._ring(cycle)}"
        self._say("PS304", closing, message, "remove one of these dependencies")

    def _wait(self, members: set[Pair], pairs: set[Pair]) -> None:
        """What waits for what when the plan runs: groups for their children, and children of a group with a condition for
        its entry, which stands behind the nodes."""
        count = len(self.nodes)
        groups = self._conditional(members)
        entry = {group: count + position for position, group in enumerate(groups)}
        waits = {(child, group) for group, child in members} | pairs
        waits |= {(source, entry[to]) for source, to in pairs if to in entry and self.nodes[to].get("when") is not None}
        waits |= {(entry[group], entry.get(child, child)) for group, child in members if group in entry}
        total = count + len(groups)
        for knot in cycles(total, waits):
            nodes = list(dict.fromkeys(one if one < count else groups[one - count] for one in knot))
            first = nodes.index(min(nodes))
            self._say_group_waits(nodes[first:] + nodes[:first])
        if not self.graph.problems:
            self.graph.order = [one for one in _ordered(total, count, waits) if one < count]

    def _say_group_waits(self, nodes: list[int]) -> None:
        group = next((node for node in nodes if self.nodes[node].get("children")), 0)
        message = f"a node waits for a group that it is in: {self._ring(nodes)}"
        help = "make it depend on the other children, or remove it from the group"
        self._say("PS304", (*NODES, group, "children"), message, help)

    def _conditional(self, members: set[Pair]) -> list[int]:
        """The groups with a condition, and those in them."""
        is_group = [node["kind"] == "Group" for node in self.nodes]
        found = {index for index, node in enumerate(self.nodes) if is_group[index] and node.get("when") is not None}
        inner: dict[int, list[int]] = {}
        for group, child in members:
            inner.setdefault(group, []).append(child)
        todo = list(found)
        while todo:
            for child in inner.get(todo.pop(), []):
                if is_group[child] and child not in found:
                    found.add(child)
                    todo.append(child)
        return sorted(found)


def _ordered(total: int, count: int, waits: set[Pair]) -> list[int]:
    """Of what is free the first in the file comes next; an entry, which is no choice, as soon as it can."""
    after: list[list[int]] = [[] for _ in range(total)]
    before = [0] * total
    for source, target in waits:
        after[source].append(target)
        before[target] += 1
    free = [(node < count, node) for node in range(total) if before[node] == 0]
    heapq.heapify(free)
    order = []
    while free:
        _, node = heapq.heappop(free)
        order.append(node)
        for other in after[node]:
            before[other] -= 1
            if before[other] == 0:
                heapq.heappush(free, (other < count, other))
    return order


def cycles_among(count: int, edges: set[Pair]) -> list[list[int]]:
    """One cycle for each knot that edges tie, each as short as there is; nodes that lead to themselves first."""
    loops = sorted(source for source, target in edges if source == target)
    return [[node] for node in loops] + cycles(count, {pair for pair in edges if pair[0] != pair[1]})


def cycles(count: int, edges: set[Pair]) -> list[list[int]]:
    """One cycle for each knot among edges without loops, in the order of the file."""
    after: list[list[int]] = [[] for _ in range(count)]
    for source, target in sorted(edges):
        after[source].append(target)
    knots = _knots(count, after)
    if not knots:
        return []
    knot_of = {node: number for number, knot in enumerate(knots) for node in knot}
    search = _Search(after, knot_of)
    return [search.shortest(knot) for knot in knots]


def _knots(count: int, after: list[list[int]]) -> list[list[int]]:
    """The strongly connected components of more than one node (Tarjan), sorted."""
    number = [-1] * count
    low = [0] * count
    on_stack = [False] * count
    stack: list[int] = []
    knots: list[list[int]] = []
    counter = 0
    for root in range(count):
        if number[root] >= 0:
            continue
        calls = [(root, 0)]
        while calls:
            node, position = calls.pop()
            if position == 0:
                number[node] = low[node] = counter
                counter += 1
                stack.append(node)
                on_stack[node] = True
            elif position > 0:
                low[node] = min(low[node], low[after[node][position - 1]])
            for at in range(position, len(after[node])):
                other = after[node][at]
                if number[other] < 0:
                    calls += [(node, at + 1), (other, 0)]
                    break
                if on_stack[other]:
                    low[node] = min(low[node], number[other])
            else:
                if low[node] == number[node]:
                    knot = [stack.pop()]
                    while knot[-1] != node:
                        knot.append(stack.pop())
                    for one in knot:
                        on_stack[one] = False
                    if len(knot) > 1:
                        knots.append(sorted(knot))
    return sorted(knots)


class _Search:
    """Looks for the shortest cycle of a knot. In knots so large that this takes over a million steps, the shortest of those
    found by then has to do."""

    def __init__(self, after: list[list[int]], knot_of: dict[int, int]) -> None:
        self.after = after
        self.knot_of = knot_of
        self.steps_left = 1_000_000

    def shortest(self, knot: list[int]) -> list[int]:
        best: list[int] = []
        for start in knot:
            if len(best) == 2 or (best and self.steps_left <= 0):
                break
            found = self._through(start)
            if not best or len(found) < len(best):
                best = found
        first = best.index(min(best))
        return best[first:] + best[:first]

    def _through(self, start: int) -> list[int]:
        came_from: dict[int, int] = {}
        queue = deque([start])
        last = start
        while queue:
            node = queue.popleft()
            for other in self.after[node]:
                self.steps_left -= 1
                if other == start:
                    queue.clear()
                    last = node
                    break
                if self.knot_of.get(other) == self.knot_of[start] and other not in came_from:
                    came_from[other] = node
                    queue.append(other)
        cycle = [last]
        while cycle[-1] != start:
            cycle.append(came_from[cycle[-1]])
        return cycle[::-1]


def findings(graph: Graph) -> Iterator[Diagnostic]:
    """Everything that is to be said about the graph of a plan, but for its digest."""
    nodes = graph.spec["nodes"]
    if len(nodes) > _MOST_NODES:
        message = f"the plan has {len(nodes)} nodes; the limit is {_MOST_NODES}"
        yield Diagnostic("PS305", NODES, KEY, message, "split the plan")
    yield from graph.problems
    yield from _edges_into_groups(graph)
    yield from _in_two_groups(graph)


def _edges_into_groups(graph: Graph) -> Iterator[Diagnostic]:
    for edge in written_edges(graph.spec):
        target = edge.node if edge.node is not None else graph.index.get(edge.target)
        node = graph.spec["nodes"][target] if target is not None else {}
        # The children of a group with a condition wait for the nodes that decide it.
        if node.get("kind") == "Group" and node.get("when") is None:
            message = f"an edge into group `{node['id']}` holds back none of its children"
            yield Diagnostic("PS308", edge.target_at, VALUE, message, "use edges to the children that should wait")


def _in_two_groups(graph: Graph) -> Iterator[Diagnostic]:
    first: dict[str, str] = {}
    for index, node in enumerate(graph.spec["nodes"]):
        for position, name in enumerate(node.get("children") or []):
            if name not in first:
                first[name] = node["id"]
            elif name in graph.index:
                is_same = first[name] == node["id"]
                where = f"`{first[name]}` twice" if is_same else f"`{first[name]}` and in group `{node['id']}`"
                path = (*NODES, index, "children", position)
                yield Diagnostic("PS313", path, VALUE, f"node `{name}` is in group {where}", "keep it in one group, once")
