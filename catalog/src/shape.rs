//! What kwok's catalog and types files share: a size described by name, resources and offerings,
//! and the labels that follow from them.

use crate::{
    InstanceType, Offering, Overhead, Quantity, Requirement, Requirements, Resources,
    resources::{CPU, MEMORY},
    well_known::{ARCH, INSTANCE_TYPE, KWOK_CPU, KWOK_FAMILY, KWOK_MEMORY, KWOK_SIZE, OS},
};

/// A size before its labels are worked out.
pub(crate) struct Shape<'a> {
    pub(crate) name: &'a str,
    pub(crate) architecture: &'a str,
    pub(crate) operating_systems: Vec<&'a str>,
    /// CPUs and memory as people write them; they become label values.
    pub(crate) cpu: Quantity,
    pub(crate) memory: Quantity,
    /// All resources, CPU and memory among them.
    pub(crate) capacity: Resources,
    pub(crate) offerings: Vec<Offering>,
}

impl Shape<'_> {
    /// The size with the labels and the overhead that Karpenter's kwok provider gives it.
    pub(crate) fn instance_type(self) -> InstanceType {
        let cpu = self.cpu.to_string();
        let memory = self.memory.to_string();
        let one = |key, value| Requirement::one_of(key, [value]);
        let requirements: Requirements = [
            one(INSTANCE_TYPE, self.name),
            one(ARCH, self.architecture),
            Requirement::one_of(OS, self.operating_systems),
            one(KWOK_SIZE, size_of(self.name).unwrap_or(&cpu)),
            one(KWOK_FAMILY, family_of(self.name)),
            one(KWOK_CPU, &cpu),
            one(KWOK_MEMORY, &memory),
        ]
        .into_iter()
        .collect();
        InstanceType {
            name: self.name.into(),
            requirements,
            capacity: self.capacity,
            overhead: overhead(),
            offerings: self.offerings,
            max_data_disks: None,
            only_if_asked: false,
            os_disk: None,
        }
    }
}

/// What Karpenter's kwok and benchmark nodes keep for themselves: 100 milli-cores and 10 MiB.
pub(crate) fn overhead() -> Overhead {
    let kube_reserved = Resources::from([(CPU, 100), (MEMORY, 10 << 20)]);
    Overhead { kube_reserved, ..Overhead::default() }
}

/// The size in a name of AWS' form, `m5.2xlarge`.
fn size_of(name: &str) -> Option<&str> {
    let (family, size) = name.split_once('.')?;
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if family.is_empty() || !family.chars().all(word) {
        return None;
    }
    let plain = ["nano", "micro", "small", "medium", "large", "metal"].contains(&size);
    let times = size.strip_suffix("xlarge");
    let counted = times.is_some_and(|count| count.bytes().all(|byte| byte.is_ascii_digit()));
    (plain || counted).then_some(size)
}

/// What stands before the first `.` or `-` of a name; its first letter when there is none.
fn family_of(name: &str) -> &str {
    let first_letter = name.chars().next().map_or(0, char::len_utf8);
    &name[..name.find(['.', '-']).unwrap_or(first_letter)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_families() {
        for (name, size, family) in [
            ("m5.2xlarge", Some("2xlarge"), "m5"),
            ("m5.xlarge", Some("xlarge"), "m5"),
            ("u-6tb1.metal", None, "u"),
            ("t3.nano", Some("nano"), "t3"),
            ("m5.huge", None, "m5"),
            ("m5.metal-24xl", None, "m5"),
            (".large", None, ""),
            ("n2-standard-4", None, "n2"),
            ("Standard_D4s_v5", None, "S"),
            ("", None, ""),
        ] {
            assert_eq!(size_of(name), size, "{name}");
            assert_eq!(family_of(name), family, "{name}");
        }
    }
}
