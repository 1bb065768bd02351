"""A report as text for people and as JSON for machines."""

import json
import textwrap

from service.doctor.findings import Finding
from service.doctor.visit import Report

WIDTH = 100


def as_json(report: Report) -> str:
    """One JSON object."""
    return json.dumps(
        {
            "exit_code": report.exit_code,
            "findings": [_finding(one) for one in report.findings],
            "looked_at": report.looked,
            "not_looked_at": report.unseen,
        },
        ensure_ascii=False,
    )


def _finding(finding: Finding) -> dict[str, object]:
    row = finding.row
    return {
        "id": row.id,
        "severity": str(row.severity),
        "title": row.title,
        "what": finding.what,
        "why": row.why,
        "mend": finding.mend,
        "fixable": row.fixable,
    }


def as_text(report: Report) -> str:
    """Findings first, the worst of them first; then what could not be seen, and one line that sums it up."""
    blocks = [_block(one) for one in report.findings]
    blocks += [f"not looked at: {at}\n  why     {why}" for at, why in report.unseen.items()]
    blocks.append(_sum(report))
    return "\n\n".join(blocks)


def _block(finding: Finding) -> str:
    row = finding.row
    lines = [f"{str(row.severity).upper():8}{row.title}  [{row.id}]"]
    lines += _indented("what", finding.what) + _indented("why", row.why) + _indented("mend", finding.mend)
    return "\n".join(lines)


def _indented(name: str, text: str) -> list[str]:
    """Lines of the text keep their own: a caret must stay beneath what it points at."""
    parts = text.splitlines() or [""]
    wrapped = [line for part in parts for line in (_wrapped(part) if len(parts) == 1 else [part])]
    return [f"  {name if number == 0 else '':8}{line}" for number, line in enumerate(wrapped)]


def _wrapped(text: str) -> list[str]:
    """Words stay whole, however long: addresses and lists of events are there to be copied."""
    return textwrap.wrap(text, WIDTH, break_long_words=False, break_on_hyphens=False)


def _sum(report: Report) -> str:
    counts = {name: sum(one.row.severity == name for one in report.findings) for name in ("error", "warning", "note")}
    told = ", ".join(f"{count} {name}{'s' if count > 1 else ''}" for name, count in counts.items() if count)
    fixable = sum(one.row.fixable for one in report.findings)
    unseen = (
        f"; {len(report.unseen)} of {len(report.looked) + len(report.unseen)} not looked at" if report.unseen else ""
    )
    hint = "; --fix can set what concerns the event callback" if fixable else ""
    looks = "" if told or unseen else f" in {len(report.looked)} looks"
    return f"{told or 'nothing found'}{looks}{unseen}{hint}"
