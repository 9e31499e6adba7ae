"""Validates ATIF documents by the package `atif`, and holds each to being whole by itself.

Prints a JSON line for each file: what was counted in it, or `error`. Whole is a document, embedded ones included, that
has its tools, its parameters and its model; the system prompt where a model wrote; and request and answer of every
call that it counts.
"""

import json
import sys

from atif import Trajectory


def documents(trajectory):
    yield trajectory
    for embedded in trajectory.subagent_trajectories or []:
        yield from documents(embedded)


def check_whole(document):
    agent = document.agent
    generator = agent.extra["generator"]
    assert agent.tool_definitions, "no tool definitions"
    assert "parameters" in generator and "kind" in generator, "no parameters"
    called = [step for step in document.steps if step.llm_call_count]
    if called:
        assert agent.model_name, "no model"
        assert document.steps[0].source == "system" and document.steps[0].message, "no system prompt"
    for step in called:
        calls = step.extra["retrace"]["calls"]
        assert len(calls) == step.llm_call_count, "a call is missing"
        assert all(call["request"]["messages"] and call["response"] for call in calls), "a call is not whole"
    return len(called)


def check(path):
    with open(path, encoding="utf-8") as handle:
        text = json.load(handle)
    trajectory = Trajectory.model_validate(text)
    assert trajectory.schema_version == "ATIF-v1.7", trajectory.schema_version
    assert trajectory.to_json_dict() == text, "the package's own form is another"
    embedded = {one.trajectory_id for one in trajectory.subagent_trajectories or []}
    referred = [
        reference.trajectory_id
        for step in trajectory.steps
        for result in (step.observation.results if step.observation else [])
        for reference in result.subagent_trajectory_ref or []
    ]
    assert sorted(map(str, embedded)) == sorted(map(str, referred)), "references and embedded trajectories differ"
    every = list(documents(trajectory))
    steps = [step for one in every for step in one.steps]
    return {
        "subagents": len(embedded),
        "steps": len(steps),
        "drafts": sum(bool((step.extra or {}).get("retrace", {}).get("draft")) for step in steps),
        "called": sum(check_whole(one) for one in every),
    }


for path in sys.argv[1:]:
    try:
        print(json.dumps({"file": path, **check(path)}))
    except Exception as error:  # every file is answered for
        print(json.dumps({"file": path, "error": f"{type(error).__name__}: {error}"}))
