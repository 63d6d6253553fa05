//! What a path means.

use super::super::{kind::Kinds, status::Refusal, write::Target};

/// What a request is about.
pub enum Route {
    /// Objects.
    Object(Box<Target>),
    /// What is served: the path's parts.
    Discovery(Vec<String>),
}

/// Reads the path of a request.
///
/// # Errors
/// 404 when nothing is served there.
pub fn route(kinds: &Kinds, path: &str) -> Result<Route, Refusal> {
    let parts: Vec<String> = path.split('/').filter(|it| !it.is_empty()).map(unescape).collect();
    let texts: Vec<&str> = parts.iter().map(String::as_str).collect();
    let (group, version, rest) = match &texts[..] {
        ["api", version, rest @ ..] if !rest.is_empty() => ("", *version, rest),
        ["apis", group, version, rest @ ..] if !rest.is_empty() => (*group, *version, rest),
        _ => return Ok(Route::Discovery(parts)),
    };
    let (namespace, rest) = match rest {
        // The subresources of namespaces themselves, not resources in them.
        ["namespaces", _, "status" | "finalize"] | ["namespaces", _] => ("", rest),
        ["namespaces", namespace, rest @ ..] if !rest.is_empty() => (*namespace, rest),
        _ => ("", rest),
    };
    let (plural, name, subresource) = match rest {
        [plural] => (*plural, "", String::new()),
        [plural, name] => (*plural, *name, String::new()),
        [plural, name, rest @ ..] => (*plural, *name, rest.join("/")),
        [] => return Err(Refusal::no_such_path()),
    };
    let kind = kinds.get(group, plural).ok_or_else(Refusal::no_such_path)?;
    if !kind.versions.iter().any(|it| it == version) {
        return Err(Refusal::no_such_path());
    }
    if kind.namespaced == namespace.is_empty() && !(kind.namespaced && name.is_empty()) {
        return Err(Refusal::no_such_path());
    }
    Ok(Route::Object(Box::new(Target {
        kind,
        version: version.to_owned(),
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        subresource,
    })))
}

/// Reads a query.
pub fn query(text: &str) -> Vec<(String, String)> {
    let pairs = text.split('&').filter(|it| !it.is_empty());
    pairs
        .map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (unescape(&key.replace('+', " ")), unescape(&value.replace('+', " ")))
        })
        .collect()
}

fn unescape(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
}
