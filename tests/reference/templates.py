"""Writes tests/fixtures/templates/reference.jsonl: chat templates of the kinds that public models have, as transformers renders them.

pip install transformers==5.24 jinja2; python tests/reference/templates.py

Every template here was written for this table. One row a template: its name, source, tokens, conversation, and text or "error".
"""
import datetime
import json
import pathlib

import transformers.utils.chat_template_utils as utils


class Still(datetime.datetime):
    """The moment that the program presumes."""

    @classmethod
    def now(cls, tz=None):
        return cls(2024, 7, 26)


utils.datetime = Still

EACH = "{% for m in messages %}"
END = "{% endfor %}"
TALK = [
    {"role": "system", "content": "Be <brief>."},
    {"role": "user", "content": " 2 + 2? "},
    {"role": "assistant", "content": "<think>\ntwo twos\n</think>\n\n4"},
    {"role": "user", "content": "Ünïcode \U0001F600\nand \"lines\"\t\\n"},
]
PAIR = [{"role": "user", "content": "Hi"}]
TOKENS = {"bos_token": "<s>", "eos_token": "</s>"}

KINDS = {
    "chatml": EACH + "{{'<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>' + '\n'}}" + END + "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}",
    "chatml_default_system": "{% if messages[0]['role'] != 'system' %}{{ '<|im_start|>system\nYou are helpful<|im_end|>\n' }}{% endif %}" + EACH + "{{'<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n'}}" + END,
    "inst": "{{ bos_token }}" + EACH + "{% if m['role'] == 'user' %}{{ '[INST] ' + m['content'] + ' [/INST]' }}{% elif m['role'] == 'assistant' %}{{ m['content'] + eos_token }}{% endif %}" + END,
    "inst_alternates": "{% if messages[0]['role'] == 'system' %}{% set loop_messages = messages[1:] %}{% set system = messages[0]['content'] %}{% else %}{% set loop_messages = messages %}{% endif %}{% for m in loop_messages %}{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('roles must alternate') }}{% endif %}{{ bos_token if loop.index0 == 0 }}{{ m.content | trim }}{% endfor %}",
    "inst_alternates_broken": "{% for m in messages %}{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('roles must alternate') }}{% endif %}{% endfor %}",
    "header_ids": "{% set content = '<|start_header_id|>' %}" + EACH + "{% set content = '<|start_header_id|>' + m['role'] + '<|end_header_id|>\n\n'+ m['content'] | trim + '<|eot_id|>' %}{% if loop.index0 == 0 %}{% set content = bos_token + content %}{% endif %}{{ content }}" + END,
    "turns": "{{ bos_token }}{%- if messages[0]['role'] == 'system' -%}{%- set prefix = messages[0]['content'] + '\n\n' -%}{%- set rest = messages[1:] -%}{%- else -%}{%- set prefix = '' -%}{%- set rest = messages -%}{%- endif -%}{%- for m in rest -%}{%- set role = 'model' if m['role'] == 'assistant' else m['role'] -%}{{ '<start_of_turn>' + role + '\n' + (prefix if loop.first else '') }}{%- if m['content'] is string -%}{{ m['content'] | trim }}{%- elif m['content'] is iterable -%}{%- for item in m['content'] -%}{{ item['text'] }}{%- endfor -%}{%- endif -%}{{ '<end_of_turn>\n' }}{%- endfor -%}",
    "tools_and_date": "{%- if tools is not none %}tools{% endif %}{%- if not date_string is defined %}{%- set date_string = strftime_now('%d %b %Y') %}{%- endif %}{{- 'Today Date: ' + date_string + '\n' }}" + EACH + "{{ m.content }}" + END,
    "thoughts_cut": EACH + "{% set content = m.content %}{% if m.role == 'assistant' and '</think>' in content %}{% set content = content.split('</think>')[-1].lstrip('\n') %}{% endif %}[{{ m.role }}]{{ content }}" + END,
    "thoughts_laid_anew": "{%- set ns = namespace(last=messages|length - 1, multi=true) %}{%- for m in messages[::-1] %}{%- set index = (messages|length - 1) - loop.index0 %}{%- if ns.multi and m.role == 'user' and not(m.content.startswith('<tool_response>') and m.content.endswith('</tool_response>')) %}{%- set ns.multi = false %}{%- set ns.last = index %}{%- endif %}{%- endfor %}" + EACH + "{%- if m.role == 'assistant' %}{%- set thought = '' %}{%- if m.reasoning_content is string %}{%- set thought = m.reasoning_content %}{%- elif '</think>' in m.content %}{%- set thought = m.content.split('</think>')[0].rstrip('\n').split('<think>')[-1].lstrip('\n') %}{%- set content = m.content.split('</think>')[-1].lstrip('\n') %}{%- endif %}{{- '<think>\n' + thought.strip('\n') + '\n</think>\n\n' + content }}{%- else %}{{- m.content }}{%- endif %}" + END + "{{ ns.last }}",
    "generation_marks": EACH + "{% if m.role == 'assistant' %}{% generation %}{{ m.content }}{% endgeneration %}{% else %}{{ m.content }}{% endif %}" + END,
    "generation_marks_tight": EACH + "{%-generation-%} {{ m.content }} {%-endgeneration-%}\n" + END,
    "generation_scope": "{% set x = 1 %}{% generation %}{% set x = 2 %}{{ x }}{% endgeneration %}{{ x }}",
    "crlf": "{% for m in messages %}\r\n<|{{ m.role }}|>\r\n{{ m.content }}\r\n{% endfor %}\r\nend\r\n",
    "carriage_returns": "a\rb\r{{ 'c\rd' }}\r",
    "comments": "{# what #}a{#- what -#} b {# {{ x }} #}" + EACH + "{{ m.role }}{# #}" + END,
    "raw": "{% raw %}{{ x }}{% if %}\\n{% endraw %}{{ '\\n' }}{%- raw -%} {{ y }} {%- endraw -%}",
    "whitespace": "  {%- if true %}\n  a\n  {%- endif %}\n    {% if true %}\n  b\n    {% endif %}\n  c  {{- ' d ' -}}  e\n",
    "whitespace_plus": "a\n  {%+ if true %}\nb{% endif +%}\n c\n   {%- set x = 1 -%}  \n d",
    "trim_blocks": EACH + "\n{{ m.role }}\n" + END + "\n\n{% set x = 1 %}\n\nend\n\n",
    "escapes": "{{ '\\101\\a\\x41\\u00e9\\U0001F600\\n\\t\\'\\\"\\\\\\q\\0' }}",
    "escapes_in_double": "{{ \"\\101 \\'x\\' \\\"y\\\" \\d\" }}",
    "concat_literals": "{{ 'a' 'b' ~ \"c\" }}",
    "undefined_tokens": "{{ bos_token is defined }}{{ unk_token is defined }}{{ pad_token is defined }}{{ nothing }}{{ nothing is undefined }}{{ nothing | default('x') }}",
    "default_of_none": "{{ tools | default('a') }}|{{ tools | default('b', true) }}|{{ documents is none }}",
    "attribute_of_missing": "{{ messages[0].name is defined }}{{ messages[0].name }}{{ messages[0]['name'] }}{{ messages[0].get('name', 'x') }}{{ messages[0].get('name') }}",
    "namespace_parts": "{% set ns = namespace(n=0, text='') %}" + EACH + "{% set ns.n = ns.n + 1 %}{% set ns.text = ns.text ~ m.role[0] %}" + END + "{{ ns['n'] }}{{ ns.text }}{{ ns[\"text\"] | upper }}",
    "set_block": "{% set x %}a{{ 1 + 1 }}b{% endset %}{{ x }}{{ x | length }}",
    "set_block_filter": "{% set x | upper | trim %} a {% endset %}{{ x }}",
    "macros": "{% macro turn(m, end='</t>') %}<t {{ m.role }}>{{ m.content }}{{ end }}{% endmacro %}" + EACH + "{{ turn(m) }}{{ turn(m, end='') }}" + END,
    "macro_kwargs": "{% macro f(a, b=2, c='x') -%}{{ a }}{{ b }}{{ c }}{%- endmacro %}{{ f(1) }}{{ f(1, c='y') }}{{ f(a=3, b=4) }}",
    "macro_caller": "{% macro box(t) %}[{{ t }}:{{ caller() }}]{% endmacro %}{% call box('x') %}inside{% endcall %}",
    "loop_facts": EACH + "{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }};" + END,
    "loop_neighbours": EACH + "{{ loop.previtem.role if loop.previtem is defined }}>{{ loop.nextitem.role if loop.nextitem }};" + END,
    "loop_cycle_changed": EACH + "{{ loop.cycle('a', 'b') }}{{ loop.changed(m.role) }}" + END,
    "loop_else": "{% for x in [] %}a{% else %}none{% endfor %}{% for x in [1] %}{{ x }}{% else %}none{% endfor %}",
    "loop_filter": "{% for m in messages if m.role != 'system' %}{{ loop.index }}{{ m.role }}{% endfor %}",
    "loop_recursive": "{% for x in [1, [2, [3, 4]]] recursive %}{{ loop(x) if x is iterable else x }}{{ loop.depth }}{% endfor %}",
    "loop_controls": EACH + "{% if loop.index == 1 %}{% continue %}{% endif %}{% if loop.index == 4 %}{% break %}{% endif %}{{ m.role }}" + END,
    "loop_pairs": "{% for key, value in messages[0].items() %}{{ key }}={{ value }};{% endfor %}{% for k in messages[0] %}{{ k }}{% endfor %}",
    "loop_scope": "{% set x = 1 %}{% for i in [1, 2] %}{% set x = x + i %}{{ x }}{% endfor %}{{ x }}",
    "slices": "{{ messages[1:][0].role }}{{ messages[:-1] | length }}{{ 'abcdef'[1:4] }}{{ 'abcdef'[::-1] }}{{ 'abcdef'[-2:] }}{{ messages[-1].role }}{{ [1,2,3,4][::2] }}",
    "arithmetic": "{{ 7 // 2 }} {{ 7 % 3 }} {{ 2 ** 10 }} {{ 7 / 2 }} {{ 6 / 2 }} {{ -7 // 2 }} {{ 1.0 }} {{ 3 * 'ab' }} {{ 1e3 }} {{ 0.1 + 0.2 }}",
    "comparisons": "{{ 1 < 2 < 3 }}{{ 1 == 1.0 }}{{ 'a' < 'b' }}{{ 'a' in 'cab' }}{{ 'x' not in ['y'] }}{{ none == false }}{{ not 0 }}{{ 1 and 2 }}{{ 0 or 'x' }}{{ '' or none }}",
    "conditional": "{{ 'a' if messages else 'b' }}{{ 'a' if false }}{{ ('x' if true else 'y') ~ 'z' }}{% if messages | length > 3 and messages[0].role == 'system' %}yes{% elif true %}no{% endif %}",
    "containers_printed": "{{ [1, 'a', none, true, 1.5] }}{{ {'a': 1, 'b': [2]} }}{{ (1, 'x') }}{{ none }}{{ true }}{{ 'q\"q' | list }}{{ [\"it's\"] }}",
    "dict_methods": "{% set d = {'b': 1, 'a': 2} %}{{ d.items() | list }}{{ d.keys() | list }}{{ d.values() | list }}{{ d.get('b') }}{{ 'a' in d }}{{ d | length }}{{ d | dictsort }}",
    "text_methods": "{{ ' aB '.strip() }}|{{ 'xxaxx'.strip('x') }}|{{ 'a-b-c'.split('-') }}|{{ 'a b  c'.split() }}|{{ 'aB'.upper() }}{{ 'aB'.lower() }}{{ 'ab cd'.title() }}{{ 'aBC'.capitalize() }}|{{ 'abab'.replace('a', 'x', 1) }}|{{ 'abc'.startswith('ab') }}{{ 'abc'.endswith(('x', 'c')) }}|{{ ','.join(['a', 'b']) }}",
    "text_prefixes": "{{ 'user: hi'.removeprefix('user: ') }}|{{ 'a.txt'.removesuffix('.txt') }}|{{ 'k=v=w'.partition('=') }}|{{ 'k=v=w'.rpartition('=') }}|{{ 'kvw'.partition('=') }}|{{ 'kvw'.rpartition('=') }}",
    "text_splits": "{{ 'a,b,c'.rsplit(',', 1) }}|{{ 'a,b,c'.split(',', 1) }}|{{ 'a,b,c'.split(',', maxsplit=1) }}|{{ ' a  b c '.rsplit(none, 1) }}|{{ ' a  b c '.split(none, 1) }}|{{ ' a  b c '.split(maxsplit=1) }}|{{ 'a\nb\r\nc'.splitlines() }}|{{ 'a\n\nb\n'.splitlines(true) }}|{{ ''.split(',') }}{{ ''.split() }}",
    "text_places": "{{ 'banana'.find('an') }}{{ 'banana'.rfind('an') }}{{ 'banana'.find('x') }}{{ 'banana'.index('n') }}{{ 'banana'.find('an', 2) }}{{ 'banana'.find('an', -3, -1) }}{{ 'banana'.count('an') }}{{ 'üxü'.rindex('ü') }}",
    "text_fills": "{{ '7'.zfill(3) }}{{ '-7'.zfill(4) }}|{{ 'a'.ljust(3) }}|{{ 'a'.rjust(3, '.') }}|{{ 'ab'.center(5, '*') }}|{{ 'abc'.center(6) }}|{{ 'aBc'.swapcase() }}|{{ 'Straße'.casefold() }}",
    "text_tests": "{{ 'abc'.isalpha() }}{{ '12'.isdigit() }}{{ 'a1'.isalnum() }}{{ ' '.isspace() }}{{ 'AB'.isupper() }}{{ 'ab'.islower() }}{{ '1'.isdecimal() }}{{ ''.isdigit() }}",
    "text_format": "{{ '{} and {}'.format('a', 1) }}{{ '{0}{1}{0}'.format('x', 'y') }}|{{ '%s is %d' | format('n', 3) }}|{{ '%.2f|%5s|%-5s|%05d|%x|%%' | format(1.5, 'a', 'b', 42, 255) }}",
    "filters_lists": "{{ [3, 1, 2] | sort }}{{ [3, 1, 2] | sort(reverse=true) }}{{ [1, 2, 2] | unique | list }}{{ [1, 2] | sum }}{{ [1, 2] | first }}{{ [1, 2] | last }}{{ [1, 2] | reverse | list }}{{ [1, 5] | max }}{{ [1, 5] | min }}{{ 'abc' | list }}{{ [1, 2, 3] | batch(2) | list }}{{ 'abc' | length }}{{ [1, 2] | count }}",
    "filters_texts": "{{ ' a ' | trim }}{{ 'a' | upper }}{{ 'A' | lower }}{{ 'ab cd' | title }}{{ 'ab' | capitalize }}{{ 'a-b' | replace('-', '+') }}{{ ['a', 'b'] | join(', ') }}{{ 'x' | default('y') }}{{ 12 | string | length }}{{ '12' | int + 1 }}{{ '1.5' | float }}{{ 1.55 | round(1) }}{{ -3 | abs }}{{ 'a<b' | e }}",
    "filters_indent": "{{ 'a\nb\n\nc' | indent }}|{{ 'a\nb' | indent(2, true) }}|{{ 'a\nb' | indent(width=3, first=true) }}",
    "filters_rare": "{{ 'a b c d e' | wordcount }}|{{ 'abcdefghij klm' | truncate(8) }}",
    "filters_counting": "{{ \"it's a b_c, d-e f2\" | wordcount }}{{ '' | wordcount }}{{ 'é ü.' | wordcount }}{{ 'foo bar baz qux' | truncate(9) }}|{{ 'foo bar baz qux' | truncate(9, true) }}|{{ 'foo bar baz qux' | truncate(11) }}|{{ 'foo bar baz qux' | truncate(11, false, '...', 0) }}|{{ 'foo bar baz qux' | truncate(length=5, end='', leeway=0) }}|{{ 'foobarbazqux' | truncate(6, leeway=0) }}",
    "filters_laying": "[{{ 'ab' | center(7) }}][{{ 'abc' | center(6) }}]{{ '<b>a</b> <!-- x --> b\n\n c &amp; d' | striptags }}|{{ 1 | filesizeformat }}{{ 999 | filesizeformat }}{{ 1000000 | filesizeformat }}{{ 1048576 | filesizeformat(true) }}|{{ '<&>' | forceescape }}",
    "floats_with_exponents": "{{ 1e16 }} {{ 1e-5 }} {{ 1.5e300 }} {{ 1E5 }} {{ 1.5e+3 }} {{ 2.5e-7 ~ '|' ~ 1e22 }} {{ [1e-5, 1e22, 0.5] }} {{ {'a': 1e-9} }} {{ (1e-5, 'x') }} {{ 1e20 | string | length }} {{ -1e-9 }} {{ 2.0 ** 70 }} {{ '1e5' | float }} {{ 1e3 | int }} {{ [1e16] | tojson }} {{ 12e-1 }} {{ 0e0 }} {{ 1e-4 }} {{ 1e15 }}",
    "text_format_specs": "{{ '{:>5}|{:<5}|{:^5}|{:05d}|{:.2f}|{:,}|{:x}|{:+d}|{:*^7}'.format('a', 'b', 'c', 42, 1.5, 1234567, 255, 3, 'mid') }}{{ '{name}: {0} {{}}'.format('x', name='n') }}",
    "text_methods_rare": "{{ 'a\tb'.expandtabs(4) }}|{{ 'Ab Cd'.istitle() }}{{ 'ab'.istitle() }}{{ 'a_1'.isidentifier() }}{{ '1a'.isidentifier() }}{{ '½'.isnumeric() }}{{ 'aé'.isascii() }}",
    "percent_operator": "{{ '%s' % 'a' }}{{ 'x%sy' % 3 }}{{ '%s-%s' % ('a', 2) }}{{ '%(n)s' % {'n': 'v'} }}{{ '%r' % 'a' }}{{ '%5s|%-5s|' % ('a', 'b') }}{{ '%%' % () }}{{ '%03d' % 7 }}{{ ('a' ~ '%s') % none }}{{ 7 % 3 }}",
    "percent_codes": "{{ '%5.1f|%e|%g|%o|%X|%c|%i|%u' | format(1.25, 12345.678, 0.0001, 8, 255, 'x', 3, 4) }}{{ '%+d % d %#x %r %a' | format(3, 4, 255, \"it's\", 'é') }}{{ '%(a)s' | format(a=1) }}",
    "text_format_conversions": "{{ '{!r}'.format('a') }}{{ '{!s:>5}'.format('a') }}{{ '{0!r} {1!a}'.format('a', 'é') }}{{ '{:>{}}'.format('a', 5) }}{{ '{:.3}'.format('abcdef') }}{{ '{a}'.format_map({'a': 1}) }}",
    "text_format_numbers": "{{ '{:e} {:g} {:%} {:b} {:o} {:c} {:X} {:#x} {:_}'.format(1.5, 2.5, 0.25, 5, 8, 97, 255, 255, 1234567) }}{{ '{} {} {:d} {:.3} {:,.2f}'.format(none, true, true, 123.0, 1234.5) }}",
    "cycler_current": "{% set c = cycler('a','b') %}{{ c.current }}{{ c.next() }}{{ c.current }}{{ c.next() }}{{ c.next() }}{% set _ = c.reset() %}{{ c.current }}",
    "filters_by_position": "{{ ['a', 'A'] | unique(true) | list }}{{ {'b':1,'A':2} | dictsort(true) }}{{ {'b':1,'a':2} | dictsort(false, 'value') }}{{ [1, 2] | sort(true) }}{{ {'a': 'é'} | tojson(true) }}{{ {'a': 1} | tojson(false, 2) }}{{ ['a', 'B'] | max(true) }}{{ 'a b c d' | truncate(4, true, '…', 0) }}",
    "filters_by_name": "[{{ 'a' | center(width=4) }}]{{ 1024 | filesizeformat(binary=true) }}{{ '' | default('d', boolean=false) }}{{ '' | default('d', boolean=true) }}{{ '' | d(default_value='e', boolean=true) }}{{ '--x' | trim(chars='-') }}{{ 'aa' | replace(old='a', new='b', count=1) }}{{ [1,2,3] | batch(linecount=2, fill_with=0) | list }}{{ 2.567 | round(precision=1, method='floor') }}{{ 'a\nb' | indent(first=true) }}{{ [{'x': 1}] | join('-', attribute='x') }}",
    "numbers_parsed": "{{ 'x' | int }}{{ ' 12 ' | int }}{{ '1_000' | int }}{{ none | int(5) }}{{ '0x1f' | int(0, 16) }}{{ '0b11' | int(base=2) }}{{ '3.7' | int }}{{ '-7' | int }}{{ true | int }}{{ 'x' | float }}{{ ' 1e3 ' | float }}{{ '0o17' | int(base=0) }}{{ '12ab' | int(9) }}",
    "with_is_parallel": "{% set x = 1 %}{% with x = 2, y = x %}{{ x }}{{ y }}{% endwith %}{{ x }}",
    "macro_default_of_argument": "{% macro f(a, b=a, c=b ~ '!') %}{{ b }}{{ c }}{% endmacro %}{{ f(1) }}|{{ f(1, 2) }}|{{ f(1, c=3) }}|{{ f() }}",
    "filter_block_with_arguments": "{% filter replace('a', 'b') | upper %}aa{{ messages[0].role }}{% endfilter %}{% set t | replace('a', 'b') %}aa{% endset %}{{ t }}{% for i in [1, 2] %}{% filter indent(2, true) %}x\ny{% endfilter %}{% endfor %}",
    "text_bounds": "{{ 'abc'.startswith('b', 1) }}{{ 'abc'.endswith('b', 0, 2) }}{{ 'abc'.startswith(('x','a')) }}{{ 'abc'.startswith('') }}{{ 'abc'.startswith('a', 5) }}{{ 'aaa'.count('aa') }}{{ 'abc'.count('') }}{{ 'abca'.count('a', 1) }}{{ 'a b'.isprintable() }}{{ '\n'.isprintable() }}",
    "title_method": "{{ \"they're bill's\".title() }}{{ 'a-b 3c'.title() }}{{ \"they're bill's\" | title }}",
    "escaped_html": "{{ \"a'b\\\"c<&>\" | e }}{{ '<b>' | escape }}{{ 5 | e }}",
    "unprintable_quoted": "{{ ['\\u200b', '\\xa0', '\\ue000', 'é\\u0301', \"it's\\u200b\"] }}{{ {'\\u2028': '\\ufeff'} }}{{ '\\u200b' | length }}",
    "dict_function": "{{ dict(messages[0], extra=1) }}{{ dict(messages[0], role='x').role }}{{ dict([('a', 1), ('b', 2)]) }}{{ dict() }}",
    "moment_in_seconds": "{{ strftime_now('%s') | length }}",
    "cycler_parts": "{% set c = cycler('a', 'b', 'c') %}{% for m in messages %}{{ c.next() }}{% endfor %}{{ c.next() }}",
    "joiner_default": "{% set j = joiner() %}{% for m in messages %}{{ j() }}{{ m.role }}{% endfor %}",
    "cycler_of_nothing": "{{ cycler() }}",
    "filters_batches": "{{ [1,2,3,4,5] | slice(2) | list }}{{ [1,2,3] | batch(2, 'x') | list }}{{ 'ab' | reverse }}{{ [1, none, 2] | select('none') | list }}{{ 'a,b' | replace(',', '') }}{{ ' x ' | trim | length }}{{ '--x--' | trim('-') }}",
    "numbers_rounded": "{{ 2.5 | round }}{{ 2.567 | round(2) }}{{ 2.1 | round(0, 'ceil') }}{{ 2.9 | round(0, 'floor') }}{{ '7' | int }}{{ 'x' | int(3) }}{{ 'ff' | int(0, 16) }}{{ 3.9 | int }}{{ 'x' | float(1.5) }}",
    "attr_filter": "{{ messages | map(attribute='content') | first | upper }}{{ [[1, 2], [3]] | map('sum') | list }}{{ [['a', 1]] | map(attribute=0) | list }}",
    "undefined_tests": "{{ x is undefined }}{{ x | default('d') ~ (y | d('e')) }}{{ (x is defined and x) or 'z' }}{{ [x] | length }}{{ x | length }}{{ x ~ 'a' }}{% if x %}1{% endif %}{% for a in x %}1{% endfor %}",
    "filter_tests": "{{ 'upper' is filter }}{{ 'nope' is filter }}{{ 'odd' is test }}{{ 'x' is escaped }}{{ 3 is gt 2 }}{{ 3 is lessthan(4) }}{{ 2 is ne 2 }}{{ 2 is ge(2) }}{{ 'a' is lower }}",
    "call_with_arguments": "{% macro each(items) %}{% for i in items %}{{ caller(i) }}{% endfor %}{% endmacro %}{% call(x) each([1, 2]) %}<{{ x }}>{% endcall %}",
    "slices_with_steps": "{{ [1,2,3,4,5,6][1:-1:2] }}{{ 'abc'[::-1] }}{{ messages[::2] | length }}{{ [1,2,3][-2:] }}{{ 'abc'[5:] }}|{{ [1,2][:0] }}",
    "literal_containers": "{{ (1,) }}{{ () }}{{ [] }}{{ {} }}{{ {'a': (1, 2)}['a'][1] }}{{ {1: 'x'}[1] }}{{ {'a': 1}.a }}{{ [1, 2,] | length }}",
    "text_in_text": "{{ 'ab' in 'cabd' }}{{ 'role' in messages[0] }}{{ 'x' not in 'abc' }}{{ 1 in [1] }}{{ messages[0] in messages }}",
    "line_statements_are_text": "# for m in messages\n## x\n{{ messages | length }}",
    "nested_macros_and_sets": "{% macro a(x) %}[{{ x }}]{% endmacro %}{% macro b(x) %}{{ a(x) ~ a(x | upper) }}{% endmacro %}{% set r = b('q') %}{{ r }}{{ r | length }}",
    "break_inside_if": "{% for m in messages %}{% if m.role == 'assistant' %}{{ m.content }}{% break %}{% else %}{{ loop.index }}{% endif %}{% endfor %}",
    "ifs_inline_chain": "{{ 'a' if false else ('b' if none else 'c') }}{{ [1 if true else 2, 3] }}{{ (messages | length) if messages is defined else 0 }}",
    "minus_everywhere": "a {{- 1 -}} b {%- if true -%} c {%- endif -%} d {#- x -#} e {%- for i in [1] -%} {{ i }} {%- endfor %} f",
    "escaped_quotes": "{{ \"a\\\"b\" }}{{ 'a\\'b' }}{{ \"tab\\there\" }}{{ 'back\\\\slash' }}{{ '{{' }}{{ '%}' }}{{ \"}}\" }}",
    "filters_map": "{{ messages | map(attribute='role') | list }}{{ messages | map(attribute='role') | join(' ') }}{{ ['a', 'b'] | map('upper') | list }}{{ [{'a': {'b': 1}}] | map(attribute='a.b') | list }}{{ [{'a': 1}, {}] | map(attribute='a', default='z') | list }}{{ ['a-b'] | map('replace', '-', '+') | list }}",
    "filters_select": "{{ messages | selectattr('role', 'equalto', 'user') | list | length }}{{ messages | rejectattr('role', '==', 'user') | map(attribute='role') | list }}{{ messages | selectattr('role', 'in', ['system']) | list | length }}{{ [0, 1, 2] | select | list }}{{ [0, 1, 2] | reject('odd') | list }}{{ messages | selectattr('name') | list }}{{ messages | selectattr('role', 'defined') | list | length }}",
    "filters_items": "{% for k, v in {'b': 1, 'a': 2} | items %}{{ k }}{{ v }}{% endfor %}{% for k, v in {'b': 1, 'a': 2} | dictsort %}{{ k }}{{ v }}{% endfor %}{{ messages | groupby('role') | map('first') | list }}",
    "filter_block": "{% filter upper %}abc {{ messages[0].role }}{% endfilter %}",
    "tojson": "{{ messages[0] | tojson }}{{ messages[3] | tojson }}{{ [1, 1.0, none, true, 'é<>&\\''] | tojson }}{{ {} | tojson }}{{ 'a' | tojson }}{{ 1e20 | tojson }}",
    "tojson_indent": "{{ {'a': [1, {'b': 2}], 'c': []} | tojson(indent=2) }}{{ {'a': [1]} | tojson(indent=4) }}{{ [1] | tojson(indent=none) }}{{ [1, [2]] | tojson(indent='\t') }}",
    "tojson_arguments": "{{ {'b': 1, 'a': {'d': 1, 'c': 2}} | tojson(sort_keys=true) }}{{ {'b': [1, 2]} | tojson(separators=(',', ':')) }}{{ 'é😀' | tojson(ensure_ascii=true) }}{{ 'é' | tojson(ensure_ascii=false) }}{{ {'b': 1, 'a': 2} | tojson(sort_keys=true, indent=1) }}",
    "strftime": "{{ strftime_now('%Y-%m-%d') }}{{ strftime_now('%-d. %B %Y %I:%M %p%z') }}{{ strftime_now('%A %j %y %b %e %H') }}",
    "tests": "{{ 1 is odd }}{{ 2 is even }}{{ 'a' is string }}{{ 1 is number }}{{ {} is mapping }}{{ [] is sequence }}{{ [] is iterable }}{{ none is none }}{{ 1 is not none }}{{ true is true }}{{ 1 is integer }}{{ 1.5 is float }}{{ 4 is divisibleby(2) }}{{ 'a' is in ['a'] }}{{ 'a' is eq 'a' }}{{ 'A' is upper }}{{ x is defined }}{{ true is boolean }}",
    "tests_of_types": "{{ 'abc' is iterable }}{{ 'abc' is sequence }}{{ {'a': 1} is iterable }}{{ messages is sequence }}{{ 1 is iterable }}{{ messages[0] is mapping }}{{ messages[0].content is string }}{{ none is iterable }}{{ range is callable }}{{ 1 is sameas 1 }}",
    "ranges": "{{ range(3) | list }}{{ range(1, 6, 2) | list }}{% for i in range(2) %}{{ i }}{% endfor %}{{ range(5)[-1] }}",
    "global_functions": "{{ dict(a=1, b=2) }}{{ dict(a=1).a }}",
    "global_functions_rare": "{% set c = cycler('x', 'y') %}{{ c.next() }}{{ c.next() }}{{ c.next() }}{% set j = joiner('|') %}{{ j() }}a{{ j() }}b",
    "with_block": "{% with a = 1, b = 2 %}{{ a + b }}{% endwith %}{{ a is defined }}",
    "unpacking": "{% set a, b = 'x', 'y' %}{{ b ~ a }}{% for a, (b, c) in [(1, (2, 3))] %}{{ a }}{{ b }}{{ c }}{% endfor %}",
    "nested_containers": "{% set d = {'a': {'b': ['x', {'c': 'deep'}]}} %}{{ d.a.b[1].c }}{{ d['a']['b'][0] }}{{ d.a.b[-1]['c'] }}",
    "concatenation": "{{ 'a' ~ 1 ~ none ~ true ~ [1] ~ 1.0 }}{{ 'a' + 'b' }}{{ [1] + [2] }}",
    "system_merged": "{%- set system = '' -%}{%- if messages[0].role == 'system' -%}{%- set system = messages[0].content ~ '\n' -%}{%- set messages = messages[1:] -%}{%- endif -%}{%- for m in messages -%}{{ (system if loop.first else '') ~ m.content }}{%- endfor -%}",
    "content_parts": EACH + "{% if m.content is string %}{{ m.content }}{% else %}{% for part in m.content %}{% if part.type == 'text' %}{{ part.text }}{% endif %}{% endfor %}{% endif %}" + END,
    "names_of_roles": "{% set names = {'user': 'Human', 'assistant': 'Bot', 'system': 'Rules'} %}" + EACH + "{{ names[m.role] }}: {{ m.content }}\n" + END + "{{ names['assistant'] }}:",
    "last_message": "{% if messages[-1]['role'] == 'user' and add_generation_prompt %}<A>{% endif %}{{ messages[-1].content[:3] }}{{ (messages | last).role }}",
    "switch_in_system": "{% set s = messages[0].content if messages[0].role == 'system' else '' %}{{ s.replace('/no_think', '').strip() }}{% if '/no_think' in s %}<think></think>{% endif %}",
    "numbers_printed": "{{ 1.0 }} {{ 1e15 }} {{ 1e-4 }} {{ 123456789012345678 }} {{ 1/3 }} {{ 10.50 }} {{ 5 // 1.0 }} {{ 1_000 }}",
    "raise": "{{ raise_exception('no') }}",
    "undefined_attribute": "{{ messages[0].a.b }}",
    "undefined_called": "{{ foo('x') }}",
    "line_feeds_in_tags": "{%\n  for m\n  in messages\n%}{{\n m.role\n}}{%\nendfor\n%}",
    "html_stays": "{{ '<b>&\"' }}<i>{{ \"'\" }}",
    "bare_text": "nothing to fill in\n",
    "empty": "",
    "join_of_attributes": "{{ messages | join(', ', attribute='role') }}{{ ['a', none, 1] | join('-') }}",
    "chained_filters": "{{ messages | map(attribute='content') | map('trim') | select | join('\n') | replace('\n', ' ') | upper }}",
    "ternary_chain": EACH + "{{ 'S' if m.role == 'system' else 'U' if m.role == 'user' else 'A' }}" + END,
    "do_and_import": "{% do messages %}x",
    "sums": "{{ messages | map(attribute='content') | map('length') | sum }}{{ [{'n': 1}, {'n': 2}] | sum(attribute='n') }}",
    "sort_by": "{{ [{'a': 2}, {'a': 1}] | sort(attribute='a') | map(attribute='a') | list }}{{ ['B', 'a'] | sort }}{{ ['B', 'a'] | sort(case_sensitive=true) }}",
    "list_methods": "{{ ['a', 'b', 'a'].count('a') }}{{ ['a', 'b'].index('b') }}{{ 'a,b'.split(',')[1] }}",
    "append_is_refused": "{% set x = [] %}{{ x.append(1) }}",
    "private_is_refused": "{{ ''.__class__ }}",
}


def rows():
    for name, source in KINDS.items():
        messages = PAIR if name == "inst_alternates" else TALK
        row = {"name": name, "template": source, "tokens": TOKENS, "messages": messages}
        try:
            text, _ = utils.render_jinja_template([messages], chat_template=source, add_generation_prompt=True, **TOKENS)
            yield {**row, "text": text[0]}
        except Exception as error:
            yield {**row, "error": f"{type(error).__name__}: {error}"[:120]}


path = pathlib.Path(__file__).parents[1] / "fixtures/templates/reference.jsonl"
path.parent.mkdir(exist_ok=True)
with path.open("w") as file:
    for row in rows():
        file.write(json.dumps(row) + "\n")
