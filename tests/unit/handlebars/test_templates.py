"""What a compiled template tells of itself, and what it is rendered with."""

from datetime import timedelta
from re import fullmatch

import pytest

from chalicelib.domain.errors import ExpressionError, TemplateError
from chalicelib.domain.handlebars import Escape, compile_template

from .support import NOW, refused, render


def test_a_template_without_mustaches_is_plain():
    template = compile_template('{"a": 1} } }} \\ {')

    assert template.is_plain
    assert template.names_used == frozenset()
    assert template.render({}, now=NOW, random="") == template.text


def test_a_comment_alone_makes_a_template_that_is_not_plain():
    assert not compile_template("a{{! b }}").is_plain


@pytest.mark.parametrize(
    ("template", "names"),
    [
        ("{{record.id}}{{record/id}}", {"record.id"}),
        ("?since={{lastExportDateTime}}&page={{export.http.paging.page}}", None),
        ("{{record.[With Space].[0].x}}", {"record.With Space.0.x"}),
        ("{{#each record.items}}{{sku}}{{this}}{{../currency}}{{@index}}{{/each}}", {"record.items", "currency"}),
        ("{{#each a}}{{#each b}}{{../x}}{{../../y}}{{/each}}{{/each}}", {"a", "y"}),
        ("{{#with record}}{{id}}{{@root.job.id}}{{else}}{{none}}{{/with}}", {"record", "job.id", "none"}),
        ("{{#if a}}{{b}}{{else if c}}{{d}}{{/if}}", {"a", "b", "c", "d"}),
        ("{{#section}}{{inner}}{{/section}}", {"section", "inner"}),
        ("{{#each a as |item i|}}{{item.x}}{{i}}{{/each}}", {"a"}),
        ("{{join sep (uppercase name) key=other}}", {"sep", "name", "other"}),
        ('{{getValue "record.id" fallback}}', {"record.id", "fallback"}),
        ("{{{jsonSerialize this}}}{{@root}}", {"this"}),
        ("{{uppercase}}{{timestamp}}", {"uppercase"}),
        ("{{#filter lines 1 'no'}}{{sku}}{{/filter}}", {"lines"}),
    ],
)
def test_the_names_that_a_template_may_read_at_its_root_are_known(template, names):
    expected = names or {"lastExportDateTime", "export.http.paging.page"}

    assert compile_template(template).names_used == expected


def test_the_same_text_is_compiled_once():
    assert compile_template("{{once}}") is compile_template("{{once}}")


def test_a_template_is_an_expression_that_tells_line_and_column():
    error = refused("ok {{fine}}\n  {{#if x}}\n{{/each}}", "closed by 'each'")

    assert isinstance(error, ExpressionError)
    assert (error.line, error.column) == (3, 1)
    assert error.reason == "the block 'if' is closed by 'each'"
    assert error.message == "the block 'if' is closed by 'each' (line 3, column 1)."


def test_an_error_while_rendering_tells_where_the_helper_is():
    error = refused("a\n b{{add x 1}}", "not a missing value")

    assert (error.line, error.column) == (2, 3)


@pytest.mark.parametrize("partial", ["{{> p}}", "{{~> p}}", "{{#> p}}{{/p}}", "{{* d}}", '{{#*inline "p"}}{{/inline}}'])
def test_partials_and_decorators_are_refused_when_compiled(partial):
    with pytest.raises(TemplateError, match=r"there are no (partials|decorators) here"):
        compile_template(partial)


def test_three_braces_in_a_body_are_explained():
    refused('{"id":{{id}}}', "put a blank before a brace", {"id": 1})


def test_in_an_address_values_are_encoded_and_text_is_not():
    context = {"a": "ä&b c/d", "l": ["x y", 1]}

    assert (
        render("/p q?x={{a}}&y={{{a}}}&z={{&a}}", context, escape=Escape.URI)
        == "/p q?x=%C3%A4%26b%20c%2Fd&y=ä&b c/d&z=ä&b c/d"
    )
    assert render("{{l}}{{uppercase a}}", context, escape=Escape.URI) == "x%20y%2C1%C3%84%26B%20C%2FD"
    assert render("{{x}}", {"x": "!'()*-._~"}, escape=Escape.URI) == "!'()*-._~"


def test_the_output_of_a_block_is_not_encoded_again():
    assert render("{{#if a}}{{a}} {{/if}}", {"a": "b c"}, escape=Escape.URI) == "b%20c "


def test_in_strict_mode_a_mustache_has_to_find_something():
    refused("{{record.gone}}", "'record.gone' is missing", {"record": {}}, strict=True)
    refused("{{#each l}}{{x}}{{/each}}", "'x' is missing", {"l": [{}]}, strict=True)


def test_in_strict_mode_arguments_may_be_missing():
    assert render("{{#if gone.x}}y{{else}}n{{/if}}{{uppercase gone}}", strict=True) == "n"
    assert render("{{record.nothing}}", {"record": {"nothing": None}}, strict=True) == ""


def test_a_missing_value_is_empty_otherwise():
    assert render("[{{record.gone.deeper}}]") == "[]"


def test_a_table_is_asked_for_the_value_of_a_key():
    tables = {"stateAbbreviation": {"Texas": "TX"}}

    def lookups(name, key):
        if key not in tables[name]:
            raise TemplateError(f"{key} is not in {name}")
        return tables[name][key]

    assert render('{{lookup "stateAbbreviation" s}}', {"s": "Texas"}, lookups=lookups) == "TX"
    assert render("{{lookup o 'a'}}{{lookup.b}}", {"o": {"a": 1}, "lookup": {"b": 2}}, lookups=lookups) == "12"
    refused('{{lookup "stateAbbreviation" "Ohio"}}', "Ohio is not in", lookups=lookups)


def test_the_present_comes_from_outside():
    assert render("{{timestamp}}", now=NOW + timedelta(days=1)) == "2026-11-23T10:30:15.250Z"


@pytest.mark.parametrize(
    ("method", "pattern"),
    [
        ('"crypto"', "[A-Za-z0-9]{32}"),
        ('"number" 9', "[0-9]{9}"),
        ('"uuid"', "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"),
        ('"uuid" 8', "[0-9a-f]{8}"),
    ],
)
def test_random_texts_have_the_form_that_was_asked_for(method, pattern):
    assert fullmatch(pattern, render(f"{{{{random {method}}}}}"))


def test_a_seed_gives_the_same_random_text_again_and_another_seed_another():
    template = '{{random "crypto"}}{{random "crypto"}}'

    assert render(template, random="a") == render(template, random="a") != render(template, random="b")
    first = render(template)
    assert first[:32] != first[32:]


def test_a_source_of_random_numbers_may_be_given():
    assert render('{{random "number" 4}}', random=lambda: 0.999_999_999) == "9999"
    assert render('{{random "number" 4}}', random=iter([0.0, 0.1, 0.2, 0.35]).__next__) == "0123"


def test_random_refuses_what_it_does_not_know():
    refused('{{random "dice"}}', "crypto, number or uuid")
    refused('{{random "number" 100000}}', "up to")


def test_a_bare_name_is_the_contexts_unless_its_helper_needs_no_argument():
    context = {"sum": 5, "hash": "h", "timestamp": "mine", "first": "f"}

    assert render("{{sum}} {{hash}} {{first}}", context) == "5 h f"
    assert render("{{timestamp}}", context) == "2026-11-22T10:30:15.250Z"
    assert render("{{this.timestamp}}", context) == "mine"


def test_a_context_may_be_any_mapping():
    class Lazy(dict):
        pass

    assert render("{{record.id}}{{#each record}}{{@key}}{{/each}}", Lazy(record=Lazy(id=7))) == "7id"
