//! Formats against what Python makes of them.

use minijinja::{Environment, State, Value};

use super::fill::{braces, percent};

#[track_caller]
fn check(source: &str, expected: Result<&str, &str>) {
    let mut environment = Environment::new();
    environment.set_fuel(Some(10_000));
    environment
        .add_filter("percent", |state: &State<'_, '_>, format: &str, right: &Value| percent(state, format, right, 100));
    environment.set_unknown_method_callback(|state, value, name, arguments| {
        assert_eq!(name, "format");
        braces(state, value.as_str().unwrap(), arguments, 100).map(Value::from)
    });
    let found = environment.render_str(source, ()).map_err(|error| error.to_string());
    match (&found, expected) {
        (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{source}"),
        (Err(found), Err(part)) => assert!(found.contains(part), "{source}: {found}"),
        _ => panic!("{source}: {found:?}"),
    }
}

/// Values of CPython 3.13.
#[test]
fn fields_in_braces_are_filled_as_in_python() {
    for (source, expected) in [
        (
            "{{ '{:>5}|{:<5}|{:^5}|{:*^7}|{:.2}|{:05}'.format('a', 'b', 'c', 'mid', 'abc', 'x') }}",
            "    a|b    |  c  |**mid**|ab|x0000",
        ),
        (
            "{{ '{:05d}|{:+d}|{: d}|{:,}|{:_}|{:x}|{:#X}|{:b}|{:#o}|{:c}'.format(42, 3, 3, 1234567, 1234567, 255, 255, 5, 8, 97) }}",
            "00042|+3| 3|1,234,567|1_234_567|ff|0XFF|101|0o10|a",
        ),
        (
            "{{ '{:.2f}|{:e}|{:g}|{:.1%}|{:.3}|{:.3}|{:8.3f}|{:,.1f}'.format(1.5, 12345.678, 0.00001, 0.25, 123.0, 12.0, 3.14159, 12345.67) }}",
            "1.50|1.234568e+04|1e-05|25.0%|1.23e+02|12.0|   3.142|12,345.7",
        ),
    ] {
        check(source, Ok(expected));
    }
    check("{{ '{0}{1}{0}|{a}|{{}}'.format('x', 'y', a=1) }}", Ok("xyx|1|{}"));
    check("{{ '{!r} {!s:>3} {!a}'.format(\"it's\", 'a', 'é') }}", Ok("\"it's\"   a '\\xe9'"));
    check("{{ '{:>{}}|{:{w}.{p}f}'.format('a', 3, 1.25, w=6, p=1) }}", Ok("  a|   1.2"));
    check("{{ '{} {} {} {:d} {:>3}'.format(none, true, 1e16, true, true) }}", Ok("None True 1e+16 1   1"));
    check("{{ '{:-5}|{:=+5}|{:<05}'.format(-3, 3, 3) }}", Ok("   -3|+   3|30000"));
}

#[test]
fn codes_are_filled_as_in_python() {
    check("{{ '%s-%s' | percent(('a', 2)) }}{{ '%s' | percent(none) }}{{ '%%' | percent(()) }}", Ok("a-2None%"));
    check("{{ '%(n)s %(k)03d' | percent({'n': 'v', 'k': 7, 'more': 1}) }}", Ok("v 007"));
    check(
        "{{ '%5.1f|%e|%g|%o|%X|%c|%i|%c' | percent((1.25, 12345.678, 0.0001, 8, 255, 'x', 3.9, 97)) }}",
        Ok("  1.2|1.234568e+04|0.0001|10|FF|x|3|a"),
    );
    check(
        "{{ '%+d|% d|%#x|%-4d|%05d|%.3d|%r|%a' | percent((3, 4, 255, 7, -7, 7, 'a', 'é')) }}",
        Ok("+3| 4|0xff|7   |-0007|007|'a'|'\\xe9'"),
    );
    check(
        "{{ '%*d|%.*f|%5s|%-5s|%.2s|%ld' | percent((4, 1, 1, 2.25, 'a', 'b', 'abc', 5)) }}",
        Ok("   1|2.2|    a|b    |ab|5"),
    );
}

#[test]
fn what_python_does_not_take_or_is_too_long_is_refused_by_name() {
    for (source, part) in [
        ("{{ '{}{}'.format('a') }}", "more codes"),
        ("{{ '{}{0}'.format('a') }}", "either all or none"),
        ("{{ '{a}'.format(1) }}", "no mapping"),
        ("{{ '{a}'.format(b=1) }}", "no \"a\""),
        ("{{ '{'.format(1) }}", "a brace"),
        ("{{ '}'.format(1) }}", "a brace"),
        ("{{ '{0.x}'.format(1) }}", "no parts"),
        ("{{ '{!x}'.format(1) }}", "a conversion"),
        ("{{ '{}'.format([1]) }}", "only texts and numbers"),
        ("{{ '{:d}'.format('a') }}", "a number beside a text"),
        ("{{ '{:d}'.format(1.5) }}", "another kind"),
        ("{{ '{:5}'.format(none) }}", "neither a text"),
        ("{{ '{:1001}'.format(1) }}", "a width"),
        ("{{ '{:.31f}'.format(1) }}", "a precision"),
        ("{{ '{:5 }'.format(1) }}", "does not know"),
        ("{{ ('{0}' * 60).format('xx') }}", "too long"),
        ("{{ '%s' | percent(()) }}", "more codes"),
        ("{{ 'a' | percent((1,)) }}", "more arguments"),
        ("{{ '%d' | percent('a') }}", "no number"),
        ("{{ '%y' | percent(1) }}", "%y is not known"),
        ("{{ '%' | percent(1) }}", "open code"),
        ("{{ '%(a' | percent(1) }}", "open code"),
        ("{{ '%9999d' | percent(1) }}", "a width"),
        ("{{ '%s' | percent([1]) }}", "only texts and numbers"),
    ] {
        check(source, Err(part));
    }
}
