//! The form that Kubernetes asks of label keys and values.

/// Most characters of a label value, and of the part of a key after the slash.
const LONGEST_NAME: usize = 63;
/// Most characters of the part of a key before the slash (a DNS subdomain).
const LONGEST_PREFIX: usize = 253;

/// What is wrong with a label key, or `None` when it is well formed: an optional DNS subdomain
/// and a slash, then a name of up to 63 characters.
pub fn key_fault(key: &str) -> Option<&'static str> {
    let (prefix, name) = match key.split_once('/') {
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, key),
    };
    if name.is_empty() {
        return Some("the name is empty");
    }
    if name.len() > LONGEST_NAME {
        return Some("the name is longer than 63 characters");
    }
    if !is_name(name) {
        return Some(
            "the name may hold only letters, digits, '-', '_' and '.', with a letter or digit at \
             both ends",
        );
    }
    match prefix {
        Some(prefix) if prefix.len() > LONGEST_PREFIX => {
            Some("the prefix is longer than 253 characters")
        }
        Some(prefix) if !is_subdomain(prefix) => {
            Some("the prefix must be a domain name in lower case")
        }
        _ => None,
    }
}

/// What is wrong with a label value, or `None` when it is well formed: empty, or a name of up to
/// 63 characters.
pub fn value_fault(value: &str) -> Option<&'static str> {
    if value.len() > LONGEST_NAME {
        return Some("it is longer than 63 characters");
    }
    if !value.is_empty() && !is_name(value) {
        return Some(
            "it may hold only letters, digits, '-', '_' and '.', with a letter or digit at both \
             ends",
        );
    }
    None
}

fn is_name(text: &str) -> bool {
    let bytes = text.as_bytes();
    let inner = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
    bytes.first().is_some_and(u8::is_ascii_alphanumeric)
        && bytes.last().is_some_and(u8::is_ascii_alphanumeric)
        && bytes.iter().all(inner)
}

fn is_subdomain(text: &str) -> bool {
    text.split('.').all(|label| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys() {
        for good in ["a", "A.b_c-9", "karpenter.sh/capacity-type", "1x.example/n"] {
            assert_eq!(key_fault(good), None, "{good}");
        }
        let long = "a".repeat(64);
        let long_prefix = format!("{}/a", "a".repeat(254));
        let bad = [
            "",
            "/a",
            "a/",
            "a/b/c",
            "-a",
            "a-",
            "a b",
            "A.com/x",
            "a..b/x",
            "é",
            &long,
            &long_prefix,
        ];
        for bad in bad {
            assert!(key_fault(bad).is_some(), "{bad}");
        }
    }

    #[test]
    fn values() {
        for good in ["", "a", "2Gi", "eastus-1", "v1.2_3", &"a".repeat(63)] {
            assert_eq!(value_fault(good), None, "{good}");
        }
        for bad in ["-1", "+5", "a ", "a/b", "ä", ".", &"a".repeat(64)] {
            assert!(value_fault(bad).is_some(), "{bad}");
        }
    }
}
