"""The results of rule tests as text for people and as JUnit XML for machines. Writes no file."""

from collections.abc import Sequence
from xml.etree.ElementTree import Element, SubElement, tostring

from service.rules.faults import count
from service.rules.ruleset import RuleSet
from service.rules.trials import Result, uncovered


def report(ruleset: RuleSet, results: Sequence[Result], file: str, *, least_percent: float = 100) -> tuple[bool, str]:
    """Whether every case passed and enough was covered, and what to print."""
    missing, parts = uncovered(ruleset, results)
    covered = 100 * (parts - len(missing)) / parts
    failed = [result for result in results if not result.passed]
    lines = [line for result in results for line in _lines(result, file)]
    lines += ["", f"{count(len(results), 'case')}, {len(failed)} failed; {covered:.0f} % of rules and steps covered"]
    lines += [f"  not covered: {part}" for part in missing]
    enough = covered >= least_percent
    if not enough:
        lines.append(f"  at least {least_percent:g} % must be covered")
    return not failed and enough, "\n".join(lines) + "\n"


def _lines(result: Result, file: str) -> list[str]:
    head = f"{'ok  ' if result.passed else 'FAIL'}  {result.trial.name} ({result.seconds * 1000:.1f} ms)"
    place = f"{file}:{result.trial.place.line}:{result.trial.place.column}"
    return [head, *(f"      {place}: {difference}" for difference in result.differences)]


def junit(ruleset: RuleSet, results: Sequence[Result], file: str) -> str:
    """The results as JUnit XML; what is not covered stands among the suite's properties."""
    missing, _ = uncovered(ruleset, results)
    failed = sum(not result.passed for result in results)
    total = f"{sum(result.seconds for result in results):.6f}"
    suite = Element("testsuite", name=file, tests=str(len(results)), failures=str(failed), errors="0", time=total)
    properties = SubElement(suite, "properties")
    for part in missing:
        SubElement(properties, "property", name="not-covered", value=part)
    for result in results:
        seconds = f"{result.seconds:.6f}"
        case = SubElement(suite, "testcase", name=result.trial.name, classname=file, time=seconds)
        if not result.passed:
            text = "\n".join(result.differences)
            SubElement(case, "failure", message=result.differences[0]).text = text
    return tostring(suite, encoding="unicode", xml_declaration=True) + "\n"
