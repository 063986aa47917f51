use minijinja::Environment;

use super::*;

/// The size of a value within a limit, and how many values were looked at.
fn size(sizes: &mut Sizes, value: &Value, limit: usize) -> (Option<usize>, usize) {
    let mut looks = 0;
    (sizes.size(value, limit, Kept::Yes, &mut looks), looks)
}

fn list(items: Vec<Value>) -> Value {
    Value::from_object(items)
}

#[test]
fn a_value_counts_its_text_and_all_of_its_parts() {
    let mut sizes = Sizes::default();
    let text = Value::from("four");
    assert_eq!(size(&mut sizes, &text, LARGEST), (Some(VALUE + 4), 1));
    assert_eq!(size(&mut sizes, &Value::from(7), LARGEST), (Some(VALUE), 1));
    let three = list(vec![text.clone(), text.clone(), Value::from(true)]);
    assert_eq!(size(&mut sizes, &three, LARGEST), (Some(4 * VALUE + 8), 4));
    let map = minijinja::context! { key => text };
    assert_eq!(size(&mut sizes, &map, LARGEST).0, Some(3 * VALUE + 3 + 4));
    assert_eq!(size(&mut sizes, &three, 4 * VALUE + 7).0, None, "one byte too few");
}

#[test]
fn shared_lists_are_measured_once_and_count_every_time() {
    let mut sizes = Sizes::default();
    let mut nested = list(vec![Value::from("x")]);
    let mut expected = 2 * VALUE + 1;
    for level in 0..14 {
        nested = list(vec![nested.clone(), nested.clone()]);
        expected = VALUE + 2 * expected;
        let (found, looks) = size(&mut sizes, &nested, usize::MAX);
        assert_eq!(found, Some(expected), "level {level}");
        assert!(looks <= 5, "{looks} values looked at for level {level}");
    }
}

#[test]
fn measured_templates_say_what_they_said() {
    let environment = {
        let mut environment = Environment::new();
        for name in [MADE, WHOLE, LOOKED_AT, TEXT] {
            environment.add_function(name, |value: &Value| value.clone());
        }
        environment.add_function(SPENT, || "");
        environment
    };
    for source in [
        "{{ [1, x][0] + 2 }}{% for a in [x, (x, 1)] if a %}{{ loop.index ~ a }}{% else %}none{% endfor %}",
        "{% set a, b = [x, {'k': [x]}] %}{{ b.k[0] is eq a }}{{ a in [a] and not b == 1 }}{{ -a if a else b }}",
        "{% macro m(p, q=[x]) %}{{ p }}{{ q }}{% endmacro %}{{ m(1) }}{% with z = [x] %}{{ z[-1:] }}{% endwith %}",
        "{% filter upper %}a{{ x }}{% endfilter %}{% set t %}b{% endset %}{{ t | replace('b', 'c') | trim }}",
        "{% if x > 2 %}big{% elif [x] | length == 1 %}one{% endif %}{{ [3, x, 2] | sort | join('-') }}",
    ] {
        let syntax = minijinja::syntax::SyntaxConfig::default();
        let parsed = minijinja::machinery::parse(source, "t", syntax).unwrap();
        let said = |statement: &Stmt<'_>| {
            let mut code = minijinja::machinery::CodeGenerator::new("t", source);
            code.compile_stmt(statement);
            let (instructions, blocks) = code.finish();
            let mut text = String::new();
            let mut output = minijinja::machinery::make_string_output(&mut text);
            let context = minijinja::context! { x => 1 };
            let escape = minijinja::AutoEscape::None;
            minijinja::machinery::eval(&environment, &instructions, context, &blocks, &mut output, escape).unwrap();
            drop(output);
            text
        };
        assert_eq!(said(&measured(&parsed)), said(&parsed), "{source}");
    }
}
