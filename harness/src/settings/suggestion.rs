//! The known name that a misspelt one was meant to be.

/// The known name closest to a misspelt one, if any is close.
pub(crate) fn nearest<'a>(misspelt: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(misspelt, name), name))
        .filter(|(distance, name)| *distance <= 1 + name.len() / 3)
        .min()
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(misspelt: &str, expected: Option<&str>) {
        assert_eq!(nearest(misspelt, ["rows", "chunk", "page_tokens"]), expected, "{misspelt}");
    }

    #[test]
    fn a_name_is_suggested_only_where_it_is_close() {
        check("row", Some("rows"));
        check("orws", Some("rows"));
        check("page_token", Some("page_tokens"));
        check("pagetoken", Some("page_tokens"));
        check("threads", None);
        check("", None);
        assert_eq!(nearest("rows", []), None);
    }
}
