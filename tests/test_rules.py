# SPDX-License-Identifier: GPL-2.0-only
"""Every rule proves itself by its examples."""

import pytest

from anypage import rules
from anypage.audit import apply, edits_by_file, find
from anypage.index import Index

CASES = [
    pytest.param(rule, example, id=f"{rule.ID}-{number}")
    for rule in rules.discover()
    for number, example in enumerate(rule.EXAMPLES)
]


@pytest.mark.parametrize(("rule", "example"), CASES)
def test_example(rule: rules.Rule, example: rules.Example) -> None:
    tree = {p: t.encode() for p, t in {example.path: example.before, **example.others}.items()}
    findings = find(tree, jobs=1, chosen=[rule])
    edits = edits_by_file(findings)
    after = {path: apply(text, edits.get(path, ())).decode() for path, text in tree.items()}

    expected = {example.path: example.after or example.before, **example.others}
    assert after == {**expected, **example.others_after}
    reported = Index(tree, jobs=1, chosen=[rule]).read_tree().examine()
    if example.reason:
        assert [f for f in reported if example.reason in f.reason and not f.edits]
    elif example.after is None:
        assert reported == []


@pytest.mark.parametrize("rule", rules.discover(), ids=lambda rule: rule.ID)
def test_rule_explains_itself_and_has_both_kinds_of_examples(rule: rules.Rule) -> None:
    assert rule.EXPLANATION.strip()
    assert any(e.after or e.reason for e in rule.EXAMPLES)
    assert any(not e.after and not e.reason for e in rule.EXAMPLES)


@pytest.mark.parametrize("rule", rules.discover(), ids=lambda rule: rule.ID)
def test_rule_is_done_after_one_pass(rule: rules.Rule) -> None:
    """What a rule has converted holds nothing that it would convert again."""
    for example in rule.EXAMPLES:
        if example.after:
            files = {example.path: example.after, **example.others, **example.others_after}
            tree = {path: text.encode() for path, text in files.items()}
            assert not edits_by_file(find(tree, jobs=1, chosen=[rule]))
