//! Chat templates: what they say, what they may not do, and which of them speak for their model.

use super::{ChatTemplate, NamedTokens, faith};
use crate::text::{Message, Role};

/// As in the module itself.
const LONGEST_TEMPLATE: usize = 256 << 10;

fn message(role: Role, content: &str) -> Message {
    Message { role, content: content.to_owned() }
}

#[track_caller]
fn check(source: &str, expected: Result<&str, &str>) {
    let tokens = NamedTokens { bos: Some("<s>".to_owned()), ..NamedTokens::default() };
    let messages = [message(Role::System, "Be <brief>."), message(Role::User, " 2 + 2? ")];
    let found = ChatTemplate::parse(source, tokens)
        .map_err(|refusal| refusal.to_string())
        .and_then(|template| template.render(&messages).map_err(|error| error.to_string()));
    match (found, expected) {
        (Ok(found), Ok(expected)) => assert_eq!(found, expected),
        (Err(found), Err(part)) => assert!(found.contains(part), "{found}"),
        (found, expected) => panic!("{found:?} instead of {expected:?}"),
    }
}

#[test]
fn conversations_are_laid_out_as_jinja_would() {
    check(
        "{{ bos_token }}{% for m in messages %}[{{ m.role }}] {{ m['content'].strip() }}\n{% endfor %}",
        Ok("<s>[system] Be <brief>.\n[user] 2 + 2?\n"),
    );
    check(
        "{%- for m in messages %}\n    {%- if loop.first %}\n{{ m.content }}\n    {%- endif %}\n{%- endfor %}",
        Ok("Be <brief>."),
    );
    check("{% if tools is not none %}tools{% endif %}{% if tools %}x{% endif %}{{ nothing }}!", Ok("!"));
    check("{{ messages[-1] | tojson }}", Ok(r#"{"role": "user", "content": " 2 + 2? "}"#));
    check("{{ strftime_now('%d %b %Y') }}", Ok("26 Jul 2024"));
    check("{% generation %}a{% endgeneration %}", Ok("a"));
    check(
        "{% set ns = namespace(n=0) %}{% for m in messages %}{% set ns.n = ns.n + 1 %}{% if ns.n == 1 %}{% continue %}{% endif %}{{ ns.n }}{% endfor %}",
        Ok("2"),
    );
}

#[test]
fn a_template_that_fails_on_a_question_is_refused_with_its_reason() {
    check("{{ raise_exception('only pairs') }}", Err("only pairs"));
    check("{% if %}", Err("syntax error"));
    check("{% include 'secret' %}", Err("secret"));
    check(&format!("{{{{ strftime_now('{}') }}}}", "%Y".repeat(600)), Err("a format of more than"));
}

#[test]
fn a_template_can_neither_run_nor_build_without_bound() {
    check("{% for a in range(100000) %}{% for b in range(100000) %}{{ a }}{% endfor %}{% endfor %}", Err("fuel"));
    check(
        "{% set n = namespace(x='xxxxxxxx') %}{% for a in range(64) %}{% set n.x = n.x ~ n.x %}{% endfor %}",
        Err("fuel"),
    );
    check("{{ 'x' * 1000000000 }}", Err(""));
    check("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", Err("recursion"));
    check("{{ messages | tojson(indent=1000000000) }}", Err("indent"));
    check(&format!("{{{{ {}1{} }}}}", "(".repeat(900), ")".repeat(900)), Err("syntax"));
    check(&format!("{{{{ a{} }}}}", "~a".repeat(50_000)), Err("words"));
    check(&" ".repeat(LONGEST_TEMPLATE + 1), Err("bytes"));
}

/// What looks at a whole text is paid for by its length, however few instructions ask for it.
#[test]
fn looking_at_a_long_text_again_and_again_exhausts_the_fuel() {
    let long = "{% set x = '\u{ff41}' * 1300000 %}{% for i in range(60) %}";
    for look in [
        "{% if x is lower %}{% endif %}",
        "{% if x is upper %}{% endif %}",
        "{% if x is startingwith('b') or x is containing('b') %}{% endif %}",
        "{% if 'b' in x %}{% endif %}",
        "{% if x[-1] == 'b' %}{% endif %}",
        "{% if x[1:] %}{% endif %}",
        "{% if x | length == 1 %}{% endif %}",
        "{% if x | first == 'b' or x | last == 'b' %}{% endif %}",
        "{% if (x | upper)[0] == 'b' %}{% endif %}",
        "{% if x.islower() %}{% endif %}",
        "{% if x.count('b') %}{% endif %}",
        "{% if x.find('b') > 0 %}{% endif %}",
        "{% if x.startswith(x) %}{% endif %}",
        "{% if x == x ~ '' %}{% endif %}",
        "{% if x | trim == 'b' %}{% endif %}",
        "{% if 'b' | trim(x) == 'b' %}{% endif %}",
        "{% if 'b'.strip(x) == 'b' %}{% endif %}",
        "{% if 'b' | replace(x, 'c') %}{% endif %}",
        "{% if x | int(default=0) %}{% endif %}",
        "{% if x | wordcount %}{% endif %}",
    ] {
        check(&format!("{long}{look}{{% endfor %}}"), Err(""));
    }
    // A product of two lengths is not done at all.
    let both = "{% set x = 'a' * 2000000 %}{% set y = 'b' * 1000000 ~ 'a' %}";
    check(&format!("{both}{{{{ (x | trim(y)) ~ x.strip(y) }}}}"), Ok(""));
}

/// Lists that share their items are small to have and large to write or to compare.
#[test]
fn values_that_share_their_parts_do_not_blow_up() {
    let nested = |levels: usize, make: &str| format!("{{% set k = ['xxxxxxxx'] %}}{}", make.repeat(levels));
    let eight = "{% set k = [k, k, k, k, k, k, k, k] %}";
    for use_of_it in [
        "{{ k | tojson }}",
        "{{ k }}",
        "{{ raise_exception(k) }}",
        "{{ k ~ '' }}",
        "{{ k | string | length }}",
        "{{ ''.join(k) }}",
        "{{ k | join }}",
        "{{ k | indent }}",
        "{{ 'x' in k }}",
    ] {
        check(&format!("{}{use_of_it}", nested(11, eight)), Err("more than 4194304 bytes"));
    }
    for make in [
        "{% set k = (k, k) %}",
        "{% set k = {'a': k, 'b': k} %}",
        "{% set k = dict(a=k, b=k) %}",
        "{% set k = k + k %}",
        "{% set k = k * 2 %}",
        "{% set k = k | zip(k) %}",
        "{% set k = k | batch(2, k) %}",
        "{% set k = [k] | list + [k] | list %}",
        "{% set k = k | chain(k) %}",
    ] {
        check(&format!("{}{{{{ k }}}}", nested(40, make)), Err("more than 4194304 bytes"));
    }
    check("{{ [0] * 100000000 ~ '' }}", Err("more than 4194304 bytes"));
    check(
        "{% macro m(k, n) %}{{ m([k, k, k, k], n - 1) if n else k }}{% endmacro %}{{ m([1], 12) }}",
        Err("more than"),
    );
    // Comparing costs what is compared, also where it is small enough to be had.
    let two =
        nested(5, eight) + &nested(5, eight).replace("set k =", "set l =").replace("k, ", "l, ").replace("k]", "l]");
    check(&format!("{two}{{% for i in range(100000) %}}{{{{ 'x' if k == l }}}}{{% endfor %}}"), Err("fuel"));
}

#[test]
fn what_is_written_is_bounded() {
    let deep =
        "{% set ns = namespace(k=range(9000) | list) %}{% for i in range(60) %}{% set ns.k = [ns.k] %}{% endfor %}";
    check(&format!("{deep}{{{{ ns.k | tojson(indent=16) }}}}"), Err("JSON"));
    check(&format!("{deep}{{{{ ns.k | pprint }}}}"), Err("pprint"));
    check("{{ debug() }}", Err("debug"));
    check("{{ '{:>1000000000}'.format('x') }}", Err("a width of more than"));
    check("{{ '%1000000000s' | format('x') }}", Err("a width of more than"));
    check("{{ ('%s' * 200000) | format('x') }}", Err("more codes than arguments"));
    check("{{ 'x'.rjust(1000000000) }}", Err("a width of more than"));
    check("{{ ('x' * 3000000) ~ ('x'.join(('y' * 2000000).split('y'))) }}", Err("fuel"));
    check("{{ ('{0}' * 200000).format('x' * 2000000) }}", Err("too long"));
    check("{{ '{}'.format([1]) }}", Err("only texts and numbers"));
    check("{{ '{a}'.format(a='x') }}", Ok("x"));
    check("{{ '{a}'.format(a=[1]) }}", Err("only texts and numbers"));
    check("{% filter batch(1000000, 'x' * 2000000) %}y{% endfilter %}", Err("more than 4194304 bytes"));
    check("{% set t | batch(1000000, 'x' * 2000000) %}y{% endset %}{{ t }}", Err("more than 4194304 bytes"));
    check("{{ '%1000000000s' % 'x' }}", Err("a width of more than"));
    check("{{ ('%s' ~ '%s' * 200000) % 'x' }}", Err("more codes than arguments"));
    check("{{ '{:>{}}'.format('x', 1000000000) }}", Err("a width of more than"));
    check("{{ 'x' | center(1000000000) }}", Err("center"));
    check("{{ ('x' * 1000000).replace('x', 'x' * 1000000) }}", Err("fuel"));
    check("{{ ('x' * 1000000) | replace('x', 'x' * 1000000) }}", Err("fuel"));
    check("{{ ('x' * 1000000).join(range(100000)) }}", Err("fuel"));
    check("{{ range(100000) | join('x' * 1000000) }}", Err("fuel"));
    check("{{ '{} {}'.format('a', 1) }}", Ok("a 1"));
}

#[test]
fn measures_change_nothing_of_what_a_template_says() {
    check(
        "{% for m in messages + [{'role': 'tool', 'content': (1, 2)}] %}{{ loop.index }}{{ m.role[0] }}{{ m.content | length }};{% endfor %}",
        Ok("1s11;2u8;3t2;"),
    );
    check("{% set a, b = [1, 2 + 3] %}{{ a ~ b ~ [a, b] }}{{ {'a': b}.items() | list }}", Ok("15[1, 5][('a', 5)]"));
    check(
        "{{ undefined is defined }}{{ undefined == 1 }}{{ undefined | default('d') }}{{ 1 < 2 < 3 }}",
        Ok("FalseFalsedTrue"),
    );
    check(
        "{{ [3, 1, 2] | sort | join(',') }}{{ messages | map(attribute='role') | list | tojson }}",
        Ok("1,2,3[\"system\", \"user\"]"),
    );
    check("{% for x in [1, [2, 3]] recursive %}{{ loop(x) if x is sequence else x }}{% endfor %}", Ok("123"));
    check(
        "{% filter upper %}a{% endfilter %}{% set t | trim %} b {% endset %}{{ t }}{% macro f(x, y=[1]) %}{{ x }}{{ y }}{{ caller() if caller }}{% endmacro %}{% call f(1) %}c{% endcall %}",
        Ok("Ab1[1]c"),
    );
    check(
        "{{ 'user' in messages | map(attribute='role') }}{{ messages[0]['role'] == 'system' }}{{ messages[1:] | length }}{{ 'a' if not [] else 'b' }}{{ -2 ** 2 }}",
        Ok("TrueTrue1a4"),
    );
}

#[track_caller]
fn check_faith(source: &str, faithful: bool) {
    let template = ChatTemplate::parse(source, NamedTokens::default()).unwrap();
    let conversation = [
        message(Role::System, "Be <brief>."),
        message(Role::User, "2 + 2?"),
        message(Role::Assistant, "<think>two twos</think>4"),
        message(Role::User, "Clauses: a=1 or b=0\nReply with one line."),
    ];
    let found = template.render_faithfully(&conversation, 7);
    assert_eq!(found.is_ok(), faithful, "{source}: {found:?}");
    if let Err(error) = found {
        assert!(error.to_string().contains("depending on what it is told"), "{error}");
    }
}

#[test]
fn a_template_that_speaks_for_its_model_is_found_out() {
    let each = |what: &str| format!("{{% for m in messages %}}<{{{{ m.role }}}}>{what}\n{{% endfor %}}");
    check_faith(&each("{{ m.content }}"), true);
    check_faith(&each("{{ m.content | trim }}"), true);
    check_faith(&each("{{ m.content }}{{ m.content }}"), true);
    check_faith(&each("{{ m.content.split('</think>')[-1] if m.role == 'assistant' else m.content }}"), true);
    check_faith("the same for everybody", true);
    // It answers, it remarks on the task, it tells its model what kind of task it is, it leaves the task out.
    check_faith(&each("{{ m.content }}{{ 'Answer: a=1' if 'a=1' in m.content }}"), false);
    check_faith(&each("{{ m.content }}{{ m.content | length }}"), false);
    check_faith(&each("{{ m.content.replace('?', '!') }}"), false);
    check_faith(&each("{{ m.content | upper }}"), false);
    check_faith(&each("{{ m.content if 'Mark' in m.content else 'a=1' }}"), false);
    check_faith(&each("{{ m.content.split('\\n')[-1] }}"), false);
    check_faith(&each("{{ m.content }}{{ 'Answer: a=1' if 'two twos' in m.content }}"), false);
    // What a mark looks like cannot be known before the window's seed is.
    let known = faith::Marks::new(&[message(Role::User, "task")], 0).conversation()[0].content.clone();
    let table = format!(
        "{{% set t = {{'task': 'answer', '{known}': 'answer'}} %}}{{{{ messages[0].content }}}} {{{{ t.get(messages[0].content) }}}}"
    );
    let template = ChatTemplate::parse(&table, NamedTokens::default()).unwrap();
    assert!(template.render_faithfully(&[message(Role::User, "task")], 0).is_ok(), "that is how it would be done");
    assert!(template.render_faithfully(&[message(Role::User, "task")], 1).is_err());
}

#[test]
fn a_namespace_that_would_contain_itself_is_refused() {
    check("{% set ns = namespace() %}{% set ns.a = ns %}{{ ns.a }}", Err("used whole"));
}

/// A stack overflow ends the process, so that this test ends is a part of its result.
#[test]
fn a_template_cannot_nest_itself_out_of_the_stack() {
    let nested = "{% set ns = namespace(a=[]) %}{% for i in range(40000) %}{% set ns.a = [ns.a] %}{% endfor %}";
    assert!(ChatTemplate::parse(&format!("{nested}fine"), NamedTokens::default()).is_ok(), "it is within its fuel");
    for use_of_it in ["{{ ns.a }}", "{{ ns.a | tojson }}", "{{ ns.a == ns.a }}", "{{ [ns.a, ns.a] | sort }}"] {
        let _either_way = ChatTemplate::parse(&format!("{nested}{use_of_it}"), NamedTokens::default());
    }
    for (one, count) in [("~a", 50_000), ("|f", 50_000), (".a", 50_000), ("[a]", 50_000), (" and a", 30_000)] {
        let _either_way = ChatTemplate::parse(&format!("{{{{ a{} }}}}", one.repeat(count)), NamedTokens::default());
    }
    for one in ["not ", "-", "[", "("] {
        let _either_way = ChatTemplate::parse(&format!("{{{{ {}a }}}}", one.repeat(40_000)), NamedTokens::default());
    }
}
