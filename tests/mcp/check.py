"""An agent that knows nothing but the tools of `planspec mcp` works a plan to its end, by the handshake of older clients and
by the discovery of newer ones.

    python tests/mcp/check.py PLANSPEC      with the `mcp` package of PyPI installed
"""

import asyncio
import json
import os
import pathlib
import subprocess
import sys
import tempfile

from mcp import Client, StdioServerParameters

PLAN = """\
apiVersion: planspec.io/v1alpha1
kind: Plan
metadata: {name: greeting, namespace: default}
spec:
  description: A greeting in three steps
  graph:
    nodes:
      - {id: write, kind: Task, description: Write the greeting, outputs: [text]}
      - {id: ok, kind: Gate, gateRef: {name: ok}, dependsOn: [write]}
      - {id: publish, kind: Task, dependsOn: [ok], inputs: {text: "${nodes.write.outputs.text}"}}
---
apiVersion: planspec.io/v1alpha1
kind: Gate
metadata: {name: ok, namespace: default}
spec: {gateType: approval, targetRef: {kind: Plan, name: greeting}, reviewers: [ana@example.com]}
"""


def repository(folder: pathlib.Path, program: str) -> pathlib.Path:
    """A repository with a plan that nobody has started."""
    folder.mkdir()
    git = ["git", "-C", str(folder)]
    subprocess.run([*git, "init", "-q", "-b", "main"], check=True)
    subprocess.run([*git, "config", "user.name", "Ana"], check=True)
    subprocess.run([*git, "config", "user.email", "ana@example.com"], check=True)
    (folder / "planspec").mkdir()
    (folder / "planspec" / "greeting.yaml").write_text(PLAN, encoding="utf-8")
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "-q", "-m", "Plan"], check=True)
    subprocess.run([program, "reconcile"], cwd=folder, check=True, capture_output=True)
    return folder


class Agent:
    """Calls tools, and keeps what it read."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.read = 0

    async def call(self, tool: str, /, **arguments: object) -> tuple[str, dict]:
        result = await self.client.call_tool(tool, arguments)
        text = "".join(block.text for block in result.content)
        self.read += len(text.encode())
        assert not result.is_error, f"{tool}: {text}"
        return text, result.structured_content

    async def refused(self, tool: str, /, **arguments: object) -> dict:
        result = await self.client.call_tool(tool, arguments)
        assert result.is_error, tool
        assert result.structured_content["kind"] == "Error", tool
        return result.structured_content["error"]


async def work(client: Client, folder: pathlib.Path, program: str) -> None:
    """Start the plan, do its steps, leave the gate to Ana."""
    agent = Agent(client)
    tools = {tool.name for tool in (await client.list_tools()).tools}
    assert not tools & {"approve", "reject", "comment", "attest", "answer", "verify"}, tools
    text, findings = await agent.call("validate")
    assert findings["summary"]["errors"] == 0, text
    text, _ = await agent.call("start", plan="greeting", name="run")
    assert "reconciled: " in text, text

    text, session = await agent.call("next")
    assert [one["node"] for one in session["next"]] == ["write"], text
    text, claimed = await agent.call("claim")
    assert claimed["node"] == "write" and "> Write the greeting" in text, text
    refusal = await agent.refused("report", result="succeeded")
    assert refusal["kind"] == "invalid" and refusal["hint"], refusal
    await agent.call("ask", question="Hello or Hi?")
    answer = [program, "answer", "run/write", "Hello", "--reconcile"]
    subprocess.run(answer, cwd=folder, check=True, capture_output=True)
    text, _ = await agent.call("describe", target="run/write")
    assert "> Hello" in text, text
    await agent.call("report", result="succeeded", outputs={"text": "Hello"}, message="Written")

    refusal = await agent.refused("claim")
    assert refusal["kind"] == "notReady", refusal
    assert "planspec " not in refusal["hint"], refusal
    for forbidden in ["approve", "attest", "answer"]:
        assert (await agent.refused(forbidden, node="run/ok"))["kind"] == "notFound"
    refusal = await agent.refused("report", result="succeeded", node="run/ok")
    assert refusal["message"], refusal
    refusal = await agent.refused("claim", actor="ana@example.com")
    assert "not an argument" in refusal["message"], refusal
    approve = [program, "approve", "run/ok", "--reconcile"]
    subprocess.run(approve, cwd=folder, check=True, capture_output=True)

    text, claimed = await agent.call("claim", wait=20)
    assert claimed["brief"]["inputs"] == {"text": "Hello"}, text
    await agent.call("release", message="Later")
    await agent.call("claim", node="run/publish")
    await agent.call("report", result="succeeded", node="run/publish")
    _, listing = await agent.call("list", kind="executions")
    assert listing["items"][0]["phase"] == "Succeeded", listing
    _, events = await agent.call("log", target="execution/run", limit=3)
    assert len(events["items"]) == 3, events
    await agent.refused("describe", target="plan/none")
    other = await agent.refused("next", repository="no/such/folder")
    assert other["kind"] in {"notFound", "unavailable"}, other
    assert agent.read < 16_000, agent.read


async def main(program: str) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("GIT_", "PLANSPEC_"))
        }
        environment |= {"GIT_CONFIG_GLOBAL": "/dev/null", "HOME": scratch}
        os.environ.clear()
        os.environ.update(environment)
        for mode in ["legacy", "auto"]:
            folder = repository(pathlib.Path(scratch) / mode, program)
            words = ["-C", str(folder), "mcp", "--as", "agent:test", "--reconcile"]
            server = StdioServerParameters(command=program, args=words, env=environment)
            async with Client(server, mode=mode, read_timeout_seconds=60) as client:
                version = client.protocol_version
                assert (version >= "2026-07-28") == (mode == "auto"), version
                assert client.server_info.name == "planspec"
                await work(client, folder, program)
            words = [*words, "--read-only"]
            server = StdioServerParameters(command=program, args=words, env=environment)
            async with Client(server, mode=mode) as client:
                listed = (await client.list_tools()).tools
                assert all(tool.annotations.read_only_hint for tool in listed), listed
                result = await client.call_tool("claim", {})
                assert result.is_error
            print(f"{mode}: protocol {version}, a run of three nodes Succeeded")
    tokens = len(json.dumps([tool.model_dump(exclude_none=True, by_alias=True) for tool in listed])) // 4
    print(f"the tools that read take {tokens} tokens to list")


asyncio.run(main(str(pathlib.Path(sys.argv[1]).resolve())))
