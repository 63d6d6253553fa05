//! One allocation for what many pods have in common.

use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

use super::PodTemplate;

/// Hands out the same allocation for equal texts and equal templates.
#[derive(Debug, Default)]
pub struct Interner {
    texts: FxHashSet<Arc<str>>,
    /// By the text of the input they were read from: a pod like one seen before is not read again.
    read: FxHashMap<Box<str>, Arc<PodTemplate>>,
    /// By their own text, in which the order of the input's fields plays no part.
    templates: FxHashMap<Box<str>, Arc<PodTemplate>>,
}

impl Interner {
    /// The shared form of `text`.
    pub fn text(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.texts.get(text) {
            return known.clone();
        }
        let text: Arc<str> = Arc::from(text);
        self.texts.insert(text.clone());
        text
    }

    /// The shared form of `template`.
    pub fn template(&mut self, template: PodTemplate) -> Arc<PodTemplate> {
        // A template that had no text would merely not be shared.
        let Ok(key) = serde_json::to_string(&template) else { return Arc::new(template) };
        self.templates.entry(key.into()).or_insert_with(|| Arc::new(template)).clone()
    }

    /// The template that was made from `source`, made now if this is the first time.
    pub fn template_from<E>(
        &mut self,
        source: String,
        make: impl FnOnce() -> Result<PodTemplate, E>,
    ) -> Result<Arc<PodTemplate>, E> {
        if let Some(known) = self.read.get(source.as_str()) {
            return Ok(known.clone());
        }
        let template = self.template(make()?);
        self.read.insert(source.into(), template.clone());
        Ok(template)
    }
}
