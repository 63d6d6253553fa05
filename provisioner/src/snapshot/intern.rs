//! One allocation for what many pods have in common.

use std::{collections::BTreeMap, sync::Arc};

use rustc_hash::{FxHashMap, FxHashSet};

use super::PodTemplate;

/// Hands out the same allocation for equal texts and equal templates.
#[derive(Debug, Default)]
pub struct Interner {
    texts: FxHashSet<Arc<str>>,
    labels: FxHashSet<Arc<BTreeMap<String, String>>>,
    /// By the text of the input they were read from: a pod like one seen before is not read again.
    read: FxHashMap<Box<str>, Arc<PodTemplate>>,
    /// By their own text, in which the order of the input's fields plays no part.
    templates: FxHashMap<Box<str>, Arc<PodTemplate>>,
    /// How much is known when it is looked through next.
    tidy_at: usize,
}

/// It is not worth while to look through fewer things than this.
const FIRST_TIDY: usize = 16_384;

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

    /// The shared form of `labels`.
    pub fn labels(
        &mut self,
        labels: Arc<BTreeMap<String, String>>,
    ) -> Arc<BTreeMap<String, String>> {
        if let Some(known) = self.labels.get(&labels) {
            return known.clone();
        }
        self.labels.insert(labels.clone());
        labels
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

    /// Forgets what nobody uses any more, whenever twice as much is known as was left last time.
    pub fn tidy(&mut self) {
        if self.len() > self.tidy_at.max(FIRST_TIDY) {
            self.sweep();
            self.tidy_at = self.len().saturating_mul(2);
        }
    }

    /// How many things are known.
    fn len(&self) -> usize {
        self.texts.len() + self.labels.len() + self.read.len() + self.templates.len()
    }

    fn sweep(&mut self) {
        let mut own: FxHashMap<*const PodTemplate, usize> = FxHashMap::default();
        for template in self.read.values().chain(self.templates.values()) {
            *own.entry(Arc::as_ptr(template)).or_insert(0) += 1;
        }
        let used = |template: &Arc<PodTemplate>| {
            own.get(&Arc::as_ptr(template)).is_none_or(|&own| Arc::strong_count(template) > own)
        };
        // Decided before anything is dropped: every entry counts until the end.
        let dead: rustc_hash::FxHashSet<*const PodTemplate> = self
            .templates
            .values()
            .chain(self.read.values())
            .filter(|template| !used(template))
            .map(Arc::as_ptr)
            .collect();
        self.read.retain(|_, template| !dead.contains(&Arc::as_ptr(template)));
        self.templates.retain(|_, template| !dead.contains(&Arc::as_ptr(template)));
        self.texts.retain(|text| Arc::strong_count(text) > 1);
        self.labels.retain(|labels| Arc::strong_count(labels) > 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels() -> Arc<BTreeMap<String, String>> {
        Arc::new(BTreeMap::from([("pool".to_owned(), "main".to_owned())]))
    }

    #[test]
    fn what_is_equal_is_kept_once_and_for_as_long_as_it_is_used() {
        let mut interner = Interner::default();
        let (name, pool) = (interner.text("node-1"), interner.labels(labels()));
        assert!(Arc::ptr_eq(&name, &interner.text("node-1")));
        assert!(Arc::ptr_eq(&pool, &interner.labels(labels())));
        interner.text("node-2");
        interner.sweep();
        assert_eq!(interner.len(), 2);
        drop((name, pool));
        interner.sweep();
        assert_eq!(interner.len(), 0);
    }
}
