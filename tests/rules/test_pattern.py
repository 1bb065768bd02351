"""The patterns of MATCHES: what they match, what is refused, and that hostile text costs little."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.rules.expression.pattern import PatternError, compile_pattern

FITTING = {
    "plain": ("abc", ["abc"], ["", "ab", "abcd", "ABC"]),
    "any": ("a.c", ["abc", "a\nc"], ["ac"]),
    "star": ("ab*", ["a", "abbb"], ["b"]),
    "plus": ("ab+", ["ab", "abb"], ["a"]),
    "optional": ("ab?c", ["ac", "abc"], ["abbc"]),
    "exactly": ("a{3}", ["aaa"], ["aa", "aaaa"]),
    "at-least": ("a{2,}", ["aa", "aaaaa"], ["a"]),
    "any-number": ("a{0,}b", ["b", "aab"], ["a"]),
    "between": ("(ab){1,2}", ["ab", "abab"], ["", "ababab"]),
    "up-to": ("a{0,2}", ["", "aa"], ["aaa"]),
    "once": ("a{1}", ["a"], ["", "aa"]),
    "up-to-once": ("a{0,1}", ["", "a"], ["aa"]),
    "choice": ("cat|dog", ["cat", "dog"], ["catdog"]),
    "choice-of-nothing": ("a|", ["a", ""], ["b"]),
    "set": ("[a-cx]+", ["abcx"], ["d"]),
    "set-without": ("[^a-c]", ["d"], ["a"]),
    "set-with-its-own-end": ("[]a]", ["]", "a"], ["b"]),
    "set-with-hyphen": ("[a-]", ["-", "a"], ["b"]),
    "mark-without-a-meaning": ("a·b", ["a·b"], ["ab"]),
    "set-with-hyphen-before-more": ("[a-]b", ["-b", "ab"], ["a-b", "b"]),
    "set-without-and-its-own-mark": ("[^a]", ["^", "b"], ["a"]),
    "groups-as-deep-as-can-be": ("(" * 16 + "a" + ")" * 16, ["a"], ["aa"]),
    "set-with-classes": (r"[\d_\]]+", ["1_]"], ["a"]),
    "set-with-opposite": (r"[\D5]", ["a", "5"], ["4"]),
    "set-with-escaped-range": (r"[\!-\+]", ["#"], ["a"]),
    "digit": (r"\d\D", ["1a"], ["11"]),
    "word": (r"\w+\W", ["a_9!"], ["!"]),
    "space": (r"\s\S", [" a"], ["aa"]),
    "escaped": (r"\$1\.5", ["$1.5"], ["$1x5"]),
    "groups": ("((a)b)*c", ["c", "ababc"], ["ac"]),
    "ignoring-case": ("(?i)straße[a-z]", ["STRAßEX", "straßex"], ["strasse"]),
    "empty": ("", [""], ["a"]),
}


@pytest.mark.parametrize(("pattern", "fitting", "others"), FITTING.values(), ids=FITTING)
def test_pattern_must_fit_the_whole(pattern: str, fitting: list[str], others: list[str]) -> None:
    compiled = compile_pattern(pattern)
    assert [text for text in fitting if not compiled.fits(text)] == []
    assert [text for text in others if compiled.fits(text)] == []


REFUSED = {
    "group-not-closed": ("(a", "a ( is not closed"),
    "group-closes-nothing": ("a)", "closes nothing"),
    "group-empty": ("a()", "may not be empty"),
    "groups-too-deep": ("(" * 17 + "a" + ")" * 17, "16 deep"),
    "set-not-closed": ("[a", "a [ is not closed"),
    "range-backwards": ("[z-a]", "runs backwards"),
    "nothing-to-repeat": ("*a", "nothing to repeat"),
    "repeated-twice": ("a+?", "only one of * + ? { } may follow a character (character 3)"),
    "braces-not-closed": ("a{2", "is not closed"),
    "braces-not-numbers": ("a{x}", "is written"),
    "braces-backwards": ("a{3,2}", "smaller to the larger"),
    "braces-of-nothing": ("a{0}", "smaller to the larger"),
    "braces-too-many": ("a{101}", "100 at most"),
    "written-out-too-long": ("(a{100}){3}", "more than 256"),
    "anchors": ("^a$", "not needed"),
    "lookahead": ("(?=a)", "not supported"),
    "back-reference": (r"(a)\1", "after a backslash"),
    "backslash-at-the-end": ("a\\", "after a backslash"),
    "unknown-escape-in-a-set": (r"[\q]", "after a backslash"),
}


@pytest.mark.parametrize(("pattern", "said"), REFUSED.values(), ids=REFUSED)
def test_pattern_is_refused_with_reason(pattern: str, said: str) -> None:
    with pytest.raises(PatternError, match=re.escape(said)):
        compile_pattern(pattern)


@pytest.mark.parametrize("pattern", ["(a+)+b", "(a|a)*b", "(a*)*b", ".*.*.*.*.*=x"])
def test_hostile_text_costs_little(pattern: str) -> None:
    started = time.process_time()
    assert not compile_pattern(pattern).fits("a" * 4000)
    assert time.process_time() - started < 2


pieces = st.sampled_from(["a", "b", ".", "[ab]", "[^a]", r"\d", "1"])
whole = st.recursive(
    pieces,
    lambda inner: st.one_of(
        st.tuples(inner, inner).map("".join),
        st.tuples(inner, inner).map(lambda two: f"({two[0]}|{two[1]})"),
        st.tuples(inner, st.sampled_from(["*", "+", "?", "{2}", "{1,2}", "{0,2}", "{1,}"])).map(
            lambda two: f"({two[0]}){two[1]}"
        ),
    ),
    max_leaves=5,
)


@given(whole, st.text(alphabet="ab1c", max_size=6))
def test_patterns_agree_with_regular_expressions(pattern: str, text: str) -> None:
    expected = re.compile(pattern, re.DOTALL | re.ASCII).fullmatch(text) is not None
    assert compile_pattern(pattern).fits(text) is expected
