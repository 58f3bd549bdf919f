"""Hand-written lines: what is made of contracts does not count."""

from benchmarks.size import count_lines


def test_blank_lines_and_what_is_made_do_not_count():
    assert count_lines("") == 0
    assert count_lines("a\n\n  \nb\n") == 2
    assert count_lines("# Made from contracts/x.yml by it\na\n") == 0
    assert count_lines("mine: 1\n\nstreams:  # Made from contracts/x.yml\n  a: 1\n") == 1
