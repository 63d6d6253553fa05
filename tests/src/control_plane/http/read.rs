//! Get, list and delete of many.

use serde_json::json;

use super::{
    super::{
        Server,
        object::Object,
        selector::{Fields, Labels},
        status::Refusal,
        store::Range,
        write::Target,
    },
    Call,
    respond::{Answer, View},
    verbs::delete_options,
};

/// Which objects a request selects.
#[derive(Clone, Debug)]
pub struct Selection {
    labels: Labels,
    fields: Fields,
}

impl Selection {
    /// Reads a request's selectors.
    ///
    /// # Errors
    /// 400 when one is wrong.
    pub fn read(call: &Call, target: &Target) -> Result<Self, Refusal> {
        Ok(Self {
            labels: Labels::parse(call.query("labelSelector"))?,
            fields: Fields::parse(&target.kind, call.query("fieldSelector"))?,
        })
    }

    /// Whether an object is selected.
    pub fn matches(&self, target: &Target, object: &Object) -> bool {
        let named =
            target.name.is_empty() || super::super::object::name(&object.value) == target.name;
        named
            && self.labels.matches(&object.value)
            && self.fields.matches(&target.kind, &object.value)
    }
}

/// One object.
pub fn get(server: &Server, call: &Call, target: &Target) -> Result<Answer, Refusal> {
    let view = View::new(&target.kind, &target.version, &call.accept);
    Ok(Answer::Json(200, view.object(&*server.find(target)?)))
}

/// Many objects.
pub fn list(server: &Server, call: &Call, target: &Target) -> Result<Answer, Refusal> {
    let selection = Selection::read(call, target)?;
    let limit = match call.query("limit") {
        "" | "0" => usize::MAX,
        given => given.parse().map_err(|_| {
            Refusal::bad_request(format!("limit: Invalid value: {given:?}: must be a number"))
        })?,
    };
    let range = range(server, call, target)?;
    let table = target.kind.table();
    let wanted = |object: &Object| selection.matches(target, object);
    let found = server.store.list(&table, &range, limit, wanted)?;
    let mut metadata = json!({"resourceVersion": found.revision.to_string()});
    if found.more
        && let Some(last) = found.objects.last()
    {
        let (space, name) = super::super::object::key(&last.value);
        metadata["continue"] = format!("{}:{space}/{name}", found.revision).into();
    }
    let view = View::new(&target.kind, &target.version, &call.accept);
    Ok(Answer::Json(200, view.list(found.objects.iter().map(AsRef::as_ref), &metadata)))
}

/// Which part of the store a list is about, and as of when.
fn range(server: &Server, call: &Call, target: &Target) -> Result<Range, Refusal> {
    let mut range = Range { namespace: target.namespace.clone(), ..Range::default() };
    let token = call.query("continue");
    if !token.is_empty() {
        let (revision, key) = read_token(token)
            .ok_or_else(|| Refusal::bad_request("continue key is not valid: invalid token"))?;
        range.revision = Some(revision);
        range.after = Some(key);
        return Ok(range);
    }
    let given = call.query("resourceVersion");
    let revision = revision(given)?;
    let now = server.store.revision();
    if let Some(revision) = revision.filter(|it| *it > now) {
        let message = format!("Too large resource version: {revision}, current: {now}");
        let mut refusal = Refusal::new(504, "Timeout", message);
        refusal.details = json!({"retryAfterSeconds": 1, "causes": [
            {"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}
        ]});
        return Err(refusal);
    }
    if call.query("resourceVersionMatch") == "Exact" {
        range.revision = revision;
    } else if revision == Some(0)
        && let Ok(behind) = call.query("stale").parse::<u64>()
    {
        range.revision = Some(server.store.remembered(&target.kind.table(), now, behind));
    }
    Ok(range)
}

fn read_token(token: &str) -> Option<(u64, (String, String))> {
    let (revision, key) = token.split_once(':')?;
    let (space, name) = key.split_once('/')?;
    Some((revision.parse().ok()?, (space.to_owned(), name.to_owned())))
}

/// A resource version; none when it is not given.
///
/// # Errors
/// 400 when it is no number.
pub fn revision(given: &str) -> Result<Option<u64>, Refusal> {
    if given.is_empty() {
        return Ok(None);
    }
    given.parse().map(Some).map_err(|_| {
        Refusal::bad_request(format!("resourceVersion: Invalid value: {given:?}: must be a number"))
    })
}

/// Deletes all objects that are selected.
pub fn delete_all(server: &Server, call: &Call, target: &Target) -> Result<Answer, Refusal> {
    let selection = Selection::read(call, target)?;
    let options = delete_options(call)?;
    let range = Range { namespace: target.namespace.clone(), ..Range::default() };
    let wanted = |object: &Object| selection.matches(target, object);
    let found = server.store.list(&target.kind.table(), &range, usize::MAX, wanted)?;
    for object in &found.objects {
        let one =
            Target { version: target.version.clone(), ..Target::of(&target.kind, &object.value) };
        match server.delete(&one, &options) {
            // Gone by now is as good.
            Err(refusal) if refusal.code == 404 => {}
            outcome => {
                outcome?;
            }
        }
    }
    let view = View::new(&target.kind, &target.version, &call.accept);
    let metadata = json!({"resourceVersion": server.store.revision().to_string()});
    Ok(Answer::Json(200, view.list(found.objects.iter().map(AsRef::as_ref), &metadata)))
}
