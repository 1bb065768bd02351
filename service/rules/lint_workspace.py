"""Our routes against the workflows that they travel through: which of them no filter there would catch. Pure.

The filters are asked with the attributes that the service would put on the task. What the caller or Flex puts there is
not known beforehand: a filter that depends on it counts as one that could match.
"""

from collections.abc import Iterator, Mapping, Sequence

from service.rules.faults import Fault
from service.rules.lint_workflows import lint_workflow, parsed
from service.rules.possible import possible
from service.rules.resolve import QUEUE, WORKER, WORKFLOW, Directory
from service.rules.ruleset import Rule, RuleSet, Step
from service.rules.workflows import Workflow, WorkflowFilter, WorkflowTarget, read_workflow

STEERING = ("router_target", "router_queue", "router_queue_sid")
PRESENT = "task.router_workers_present"
LEAVE_OUT = f"add `worker.sid NOT IN {PRESENT}` to the expression of their targets"
MOST_NAMED = 5


def lint_workspace(
    ruleset: RuleSet, workflows: Sequence[Mapping[str, object]], directory: Directory
) -> tuple[Fault, ...]:
    """Warnings at our routes, then those within the workflows that our routes use.

    ``workflows`` are the resources of the REST API (sid, friendly_name, configuration). Targets that the workspace does
    not have are passed over: ``unresolved`` tells them. Raises ``ValueError`` if a configuration cannot be read.
    """
    by_sid = {workflow.sid: workflow for workflow in map(read_workflow, workflows)}
    used: dict[str, Workflow] = {}
    found: list[Fault] = []
    for rule in (*ruleset.rules, ruleset.default):
        for step in rule.steps:
            workflow = by_sid.get(directory.sid_of(WORKFLOW, step.workflow.text) or "")
            if workflow and not step.direct:  # a direct one names its queue and worker itself
                used[workflow.sid] = workflow
                found += [ruleset.source.fault(step.place, one) for one in _uncaught(rule, step, workflow, directory)]
    via = by_sid.get(directory.sid_of(WORKFLOW, ruleset.via.text) or "") if ruleset.via else None
    found += _offered_again(via) if via else ()
    return (*found, *(fault for workflow in used.values() for fault in lint_workflow(workflow)))


def _offered_again(via: Workflow) -> Iterator[Fault]:
    """Filters by which an agent is rung up for a conversation that they are on already: one warning for all of them."""
    named = [one for one in via.filters if _leads_to_a_queue(one) and not all(map(_leaves_out, one.targets))]
    if named:
        names = ", ".join(repr(one.name) for one in named[:MOST_NAMED]) + (" …" if len(named) > MOST_NAMED else "")
        message = f"agents who are on a conversation already are asked onto it again by {names}: {LEAVE_OUT}"
        yield Fault(f"workflow {via.name}", 1, 1, message, named[0].targets[0].expression or named[0].expression)


def _leads_to_a_queue(one: WorkflowFilter) -> bool:
    """Whether a filter is steered by our attributes and may catch what is for a queue."""
    expression = parsed(one.expression)
    if expression is None or not any(name.removeprefix("task.") in STEERING for name in expression.names):
        return False
    return bool(one.targets) and possible(expression.tree, {"router_target": "queue"}) is not False


def _leaves_out(target: WorkflowTarget) -> bool:
    return PRESENT in target.expression


def _uncaught(rule: Rule, step: Step, workflow: Workflow, directory: Directory) -> Iterator[str]:
    catching, sure = _catching(workflow, known_attributes(rule, step, directory))
    wanted = directory.sid_of(QUEUE, step.queue.text) if step.queue else None
    if catching is None:
        yield from _by_default(step, workflow, wanted)
    elif sure and wanted and all(target.queue_sid != wanted for target in catching.targets):
        yield f"workflow {workflow.name!r} catches this route by filter {catching.name!r}, which leads to other queues"
    elif sure and step.worker and not step.queue and not any(target.known_worker for target in catching.targets):
        yield f"the filter {catching.name!r} that catches this route has no target with known_worker_sid"


def _catching(workflow: Workflow, known: Mapping[str, object]) -> tuple[WorkflowFilter | None, bool]:
    """The first filter that could catch the task, and whether it surely does."""
    for one in workflow.filters:
        expression = parsed(one.expression)
        answer = possible(expression.tree, known) if expression else not one.expression.strip()
        if answer is not False:
            return one, answer is True
    return None, False


def _by_default(step: Step, workflow: Workflow, wanted: str | None) -> Iterator[str]:
    if workflow.default_queue_sid is None:
        yield f"no filter of workflow {workflow.name!r} would catch this route, and it has no default filter"
    elif (step.queue or step.worker or step.worker_fact) and workflow.default_queue_sid != wanted:
        yield f"only the default filter of workflow {workflow.name!r} would catch this route: it would go to that queue"


def known_attributes(rule: Rule, step: Step, directory: Directory) -> dict[str, object]:
    """The task attributes of a step that are certain before anybody calls: the rule's and those that steer."""
    queue_sid = directory.sid_of(QUEUE, step.queue.text) if step.queue else None
    worker_sid = directory.sid_of(WORKER, step.worker.text) if step.worker else None
    known: dict[str, object] = {
        **step.attributes,
        "router_rule": rule.name,
        "router_queue": directory.name_of(QUEUE, queue_sid, step.queue.text) if step.queue and queue_sid else None,
        "router_queue_sid": queue_sid,
    }
    if step.worker_fact is None:  # else it depends on the request
        known["router_worker_sid"] = worker_sid
        known["router_target"] = "worker" if worker_sid else "queue" if queue_sid else "workflow"
    return known
