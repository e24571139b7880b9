"""XML answers: read without a document type, found by paths, and made into records."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.domain.errors import InvalidError, TooLargeError
from chalicelib.domain.flows.xml import MAX_DEPTH, MAX_NODES, XmlRules, document_json, element_json, parse_xml, rules_of
from chalicelib.domain.flows.xpath import compiled, select, text_of
from chalicelib.domain.json import Json

ORDERS = b"""<?xml version="1.0" encoding="UTF-8"?>
<!-- two of them -->
<o:Orders xmlns:o="urn:orders" page="1">
  <o:Order id="1" state="open"><Name>Gr\xc3\xb6\xc3\x9fe &amp; Ma\xc3\x9f</Name><Line>a</Line><Line>b</Line></o:Order>
  <o:Order id="2" state="shut"><Name> two </Name><Line>c</Line><Note lang="en">fragile<![CDATA[ <b>]]></Note></o:Order>
  <Next>https://depot.example/orders?page=2</Next>
</o:Orders>"""


def found(path: str, raw: bytes = ORDERS) -> list[str]:
    return [text_of(each) for each in select(parse_xml(raw), path)]


class TestReading:
    def test_a_document_type_is_refused_whatever_it_declares(self) -> None:
        laughs = b'<!DOCTYPE a [<!ENTITY b "ha"><!ENTITY c "&b;&b;&b;&b;">]><a>&c;</a>'
        outside = b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/hostname">]><a>&b;</a>'
        fetched = b'<!DOCTYPE a SYSTEM "http://169.254.169.254/a.dtd"><a/>'

        for raw in (laughs, outside, fetched):
            with pytest.raises(InvalidError, match="document type"):
                parse_xml(raw)

    def test_entities_of_nobody_are_malformed(self) -> None:
        with pytest.raises(InvalidError, match="malformed"):
            parse_xml(b"<a>&unknown;</a>")

    @pytest.mark.parametrize("raw", [b"<a>", b"<a></b>", b"plain", b"<a/><b/>", b"<a\xff/>", b'<a b="1" b="2"/>'])
    def test_what_is_not_well_formed_is_refused(self, raw: bytes) -> None:
        with pytest.raises(InvalidError, match="malformed"):
            parse_xml(raw)

    def test_depth_is_bounded(self) -> None:
        parse_xml(b"<a>" * MAX_DEPTH + b"</a>" * MAX_DEPTH)

        with pytest.raises(TooLargeError):
            parse_xml(b"<a>" * (MAX_DEPTH + 1) + b"</a>" * (MAX_DEPTH + 1))

    def test_the_number_of_elements_and_attributes_is_bounded(self) -> None:
        with pytest.raises(TooLargeError):
            parse_xml(b"<a>" + b'<b c=""/>' * (MAX_NODES // 2) + b"</a>")

    @pytest.mark.parametrize("encoding", ["ISO-8859-1", "windows-1252", "UTF-16"])
    def test_a_document_may_say_its_encoding(self, encoding: str) -> None:
        raw = f'<?xml version="1.0" encoding="{encoding}"?><a>Größe</a>'.encode(encoding)

        assert parse_xml(raw).text == "Größe"

    def test_what_the_answer_says_counts_more(self) -> None:
        raw = '<?xml version="1.0" encoding="UTF-8"?><a>Größe</a>'.encode("latin-1")

        assert parse_xml(raw, "iso-8859-1").text == "Größe"

    @pytest.mark.parametrize("encoding", ["klingon", "a\x00b", "utf-7"])
    def test_an_encoding_that_cannot_be_read_is_refused(self, encoding: str) -> None:
        with pytest.raises(InvalidError):
            parse_xml(b"<a>+AGE-</a>", encoding)


class TestPaths:
    @pytest.mark.parametrize(
        ("path", "texts"),
        [
            ("/o:Orders/o:Order/Name", ["Größe & Maß", "two"]),
            ("/Orders/Order/Name", ["Größe & Maß", "two"]),
            ("//Line", ["a", "b", "c"]),
            ("//Order//Line", ["a", "b", "c"]),
            ("/*/*/Name", ["Größe & Maß", "two"]),
            ("/Orders/Order[1]/Line", ["a", "b"]),
            ("/Orders/Order[last()]/Line", ["c"]),
            ("//Line[2]", ["b"]),
            ("//Order[@id='2']/Line", ["c"]),
            ('//Order[@state != "open"]/Line', ["c"]),
            ("//Order[Note]/Line", ["c"]),
            ("//Order[not(Note)]/Line", ["a", "b"]),
            ("//Order[Line='b']/@id", ["1"]),
            ("//Order[Note/@lang='en']/@id", ["2"]),
            ("//Order[@id='1' or @id='2'][@state='shut']/@id", ["2"]),
            ("//Order[@id='1' and Line='a']/@id", ["1"]),
            ("//Line[text()='a']", ["a"]),
            ("//Line[.='c']", ["c"]),
            ("//Note[contains(text(), 'rag')]/@lang", ["en"]),
            ("//Order[starts-with(@state, 'op')]/@id", ["1"]),
            ("//*[local-name()='Line']", ["a", "b", "c"]),
            ("//*[name()='o:Order']/@id", ["1", "2"]),
            ("/Orders/@page", ["1"]),
            ("/Orders/Order/@*", ["1", "open", "2", "shut"]),
            ("//Line/text()", ["a", "b", "c"]),
            ("Order/Line", ["a", "b", "c"]),
            ("Orders/Order/Line", ["a", "b", "c"]),
            ("Orders.Order.Line", ["a", "b", "c"]),
            ("Next", ["https://depot.example/orders?page=2"]),
            ("/Orders/Nobody", []),
            ("/x:Orders", []),
            ("//Order[3]", []),
        ],
    )
    def test_paths_find_what_xpath_finds(self, path: str, texts: list[str]) -> None:
        assert found(path) == texts

    def test_an_element_that_two_ways_lead_to_is_found_once(self) -> None:
        assert found("//b//c", b"<a><b><b><c>1</c></b></b></a>") == ["1"]

    @pytest.mark.parametrize(
        "path",
        [
            *("", "/", "/a/", "//", "/a[", "/a[]", "/a[b", "/a]", "/@a/b", "/text()/b", "/a[//b]", "/a[b[1]]"),
            *("/a[position()>1]", "/a[count(b)=1]", "ancestor::a", "/a | /b", "/a[@b=c]", "/" + "a" * 1000),
        ],
    )
    def test_what_is_beyond_the_paths_that_are_known_is_refused(self, path: str) -> None:
        with pytest.raises(InvalidError):
            compiled(path)


class TestRecords:
    def test_a_record_has_attributes_children_and_text_as_members(self) -> None:
        second = select(parse_xml(ORDERS), "//Order")[1]
        assert not isinstance(second, str)

        assert element_json(second, XmlRules()) == {
            "id": "2",
            "state": "shut",
            "Name": " two ",
            "Line": "c",
            "Note": {"lang": "en", "&txt": "fragile <b>"},
        }

    def test_a_child_that_is_there_twice_is_a_list_and_one_that_is_said_to_be(self) -> None:
        first, second = (each for each in select(parse_xml(ORDERS), "//Order") if not isinstance(each, str))

        assert element_json(first, XmlRules())["Line"] == ["a", "b"]  # type: ignore[index, call-overload]
        for path in ("Line", "Order/Line", "/o:Orders/o:Order/Line"):
            rules = rules_of([{"type": "xml", "rules": {"listNodes": [path]}}])
            shown: Any = element_json(second, rules)
            assert (shown["Line"] == ["c"]) is (path != "Order/Line")

    def test_rules_trim_prefix_name_and_choose(self) -> None:
        root = parse_xml(b'<a n="1"> x\n <b> 1 </b><c><d>2</d><e>3</e></c></a>')
        rules: dict[str, Json] = {
            "trimSpaces": True,
            "stripNewLineChars": True,
            "attributePrefix": "@",
            "textNodeName": "#",
            "includeNodes": ["/a/b", "/a/c/d"],
        }
        kept = rules_of([{"type": "xml", "version": 1, "rules": rules}])
        left_out = rules_of([{"rules": {"excludeNodes": ["c/d"]}}])

        assert element_json(root, kept) == {"@n": "1", "b": "1", "c": {"d": "2"}, "#": "x"}
        assert element_json(root, left_out) == {"n": "1", "b": " 1 ", "c": {"e": "3"}, "&txt": " x\n "}

    def test_without_rules_of_ones_own_all_children_are_lists(self) -> None:
        root = parse_xml(b'<a n="1"><b>1</b><b c="2">3</b><d/></a>')

        shown = document_json(root, rules_of([{"type": "xml", "rules": {"V0_json": True}}]))

        assert shown == {"a": {"$": {"n": "1"}, "b": [{"_": "1"}, {"_": "3", "$": {"c": "2"}}], "d": [{"_": ""}]}}

    def test_an_attribute_called_as_automatic_members_are_does_no_harm(self) -> None:
        shown = document_json(parse_xml(b"<a><_>1</_></a>"), XmlRules(is_automatic=True))

        assert shown == {"a": {"_": [{"_": "1"}]}}

    @pytest.mark.parametrize("parsers", [None, [], {}, [None], [{}], [{"rules": []}], "xml"])
    def test_parsers_that_say_nothing_leave_the_usual_rules(self, parsers: Any) -> None:
        assert rules_of(parsers) == XmlRules()
