"""Regular expressions in JavaScript's notation, and the budget they run in."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.domain.errors import InvalidError, TooLargeError
from chalicelib.domain.regexes import MAX_STEPS, MAX_SUBJECT, compile_regex
from tests.timing import assert_cheap


def found(pattern, subject, flags=""):
    match = compile_regex(pattern, flags).search(subject)
    return None if match is None else (subject[match.start : match.end], *match.groups)


@pytest.mark.parametrize(
    ("pattern", "flags", "subject", "expected"),
    [
        ("b+", "", "abbc", ("bb",)),
        ("b+?", "", "abbc", ("b",)),
        ("a|ab", "", "ab", ("a",)),
        ("(a)|b", "", "b", ("b", None)),
        ("(a*)*", "", "b", ("", None)),
        ("(z)((a+)?(b+)?(c))*", "", "zaacbbbcac", ("zaacbbbcac", "z", "ac", "a", None, "c")),
        (r"(\w+)\s\1", "", "hey hey you", ("hey hey", "hey")),
        (r"(?<y>\d{4})-\k<y>", "", "2026-2026", ("2026-2026", "2026")),
        ("q(?=u)", "", "qa qu", ("q",)),
        ("q(?!u)(.)", "", "qu qa", ("qa", "a")),
        ("(?=(a+))a*b\\1", "", "baaabac", ("aba", "a")),
        ("[^a-c\\d]+", "", "a1xyb", ("xy",)),
        ("[\\s\\S]+", "", "a\nb", ("a\nb",)),
        (".+", "", "a\nb", ("a",)),
        (".+", "s", "a\nb", ("a\nb",)),
        ("^b$", "m", "a\nb\nc", ("b",)),
        ("^b$", "", "a\nb\nc", None),
        ("[a-z]+", "i", "ABC", ("ABC",)),
        ("[^b]+", "i", "ABc", ("A",)),
        ("x{2,3}", "", "xxxxx", ("xxx",)),
        ("x{2,3}?", "", "xxxxx", ("xx",)),
        ("(?:ab){2}", "", "ababab", ("abab",)),
        ("a{,2}", "", "a{,2}", ("a{,2}",)),
        (r"\bfoo\b", "", "a foo.", ("foo",)),
        (r"\u00e4\x41\t", "", "äA\t", ("äA\t",)),
        ("[]", "", "a", None),
        ("[^]", "", "\n", ("\n",)),
        ("", "", "abc", ("",)),
        ("\\d", "", "٣3", ("3",)),
    ],
)
def test_a_pattern_finds_what_it_finds_in_javascript(pattern, flags, subject, expected):
    assert found(pattern, subject, flags) == expected


@pytest.mark.parametrize(
    "pattern",
    ["(", ")", "[a", "*a", "a**", "(?a)", "a{3,1}", "[b-a]", "\\", "(?<1>a)", "(?<a>b)(?<a>c)", "a{9999}", "^*"],
)
def test_what_is_no_pattern_is_refused(pattern):
    with pytest.raises(InvalidError, match="is invalid"):
        compile_regex(pattern)


@pytest.mark.parametrize("pattern", ["(?<=a)b", "(?<!a)b"])
def test_looking_behind_is_refused(pattern):
    with pytest.raises(InvalidError, match="looks behind"):
        compile_regex(pattern)


def test_sizes_are_bounded():
    with pytest.raises(InvalidError, match="at most"):
        compile_regex("a" * 2_000)
    with pytest.raises(InvalidError, match="too large"):
        compile_regex("((ab){100}){100}")
    with pytest.raises(InvalidError, match="nested too deeply"):
        compile_regex("(" * 100 + ")" * 100)
    with pytest.raises(InvalidError, match="flag 'y'"):
        compile_regex("a", "y")
    with pytest.raises(TooLargeError):
        compile_regex("a").search("b" * (MAX_SUBJECT + 1))


@pytest.mark.parametrize(
    "pattern", ["(a+)+$", "(a|a)*$", "(a*)*b", "(.*)(.*)(.*)(.*)(.*)x", "(a|aa)+$", "((?=(a+)+b)a)*"]
)
def test_a_pattern_that_would_backtrack_without_end_is_stopped(pattern):
    def search():
        with pytest.raises(TooLargeError, match="steps"):
            compile_regex(pattern).search("a" * 30_000 + "!")

    assert_cheap(5, search)


def test_the_steps_of_a_search_are_told_even_if_it_fails():
    told: list[int] = []
    with pytest.raises(TooLargeError):
        compile_regex("(a+)+$").search("a" * 40 + "!", 0, told.append)

    assert sum(told) > MAX_STEPS


def test_a_simple_pattern_goes_through_a_long_text_in_few_steps():
    told: list[int] = []

    assert compile_regex("[0-9]+x").search("a" * 100_000 + "12x", 0, told.append)
    assert sum(told) < 10


@given(st.text(alphabet="ab01(|)*+?.[]^$\\dw{}1,:=!<>-", max_size=12), st.text(alphabet="ab01 \n", max_size=12))
@settings(max_examples=300, deadline=None)
def test_whatever_is_written_is_a_pattern_or_is_refused(pattern, subject):
    try:
        compile_regex(pattern).search(subject)
    except InvalidError:
        pass


@given(
    st.lists(st.sampled_from(["a", "b", "[ab]", ".", "(?:ab)", "a*", "b+", "a?", "(?:a|b)", "^", "$"]), max_size=6).map(
        "".join
    ),
    st.text(alphabet="abc", max_size=10),
)
@settings(max_examples=300, deadline=None)
def test_where_the_two_agree_the_result_is_that_of_re(pattern, subject):
    ours, theirs = compile_regex(pattern).search(subject), re.search(pattern, subject)

    assert (ours and (ours.start, ours.end)) == (theirs and theirs.span())
