//! Reading an AKSNodeClass (`v1alpha2` and `v1beta1` agree on the fields that matter here).

use serde::Deserialize;
use serde_json::Value;

use super::AksNodeClass;
use crate::snapshot::{
    error::Fault,
    typed::{Meta, typed},
};

/// The annotation that decides between an ephemeral and a managed OS disk.
const OS_DISK_TYPE: &str = "tenon.sh/os-disk-type";

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Spec {
    #[serde(rename = "osDiskSizeGB")]
    os_disk_size_gb: Option<i64>,
    image_family: Option<String>,
    max_pods: Option<i64>,
    security: Option<Security>,
    fips_mode: Option<String>,
    artifact_streaming: Option<ArtifactStreaming>,
    gpu: Option<Gpu>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Security {
    encryption_at_host: Option<bool>,
    trusted_launch: Option<TrustedLaunch>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct TrustedLaunch {
    vtpm: Option<bool>,
    secure_boot: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ArtifactStreaming {
    enabled: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Gpu {
    mode: Option<String>,
}

impl AksNodeClass {
    /// Reads an AKSNodeClass; the fault names the field and the rule that it breaks.
    pub fn read(object: &Value) -> Result<Self, Fault> {
        let meta = Meta::of(object)?;
        let spec = object.get("spec").filter(|spec| !spec.is_null());
        let spec: Spec = spec
            .map_or_else(|| Ok(Spec::default()), typed)
            .map_err(|fault| fault.within("spec"))?;
        let security = spec.security.unwrap_or_default();
        let trusted = security.trusted_launch.unwrap_or_default();
        let mode = spec.gpu.and_then(|gpu| gpu.mode);
        one_of(mode.as_deref(), "spec.gpu.mode", &["Driver", "None"])?;
        one_of(spec.fips_mode.as_deref(), "spec.fipsMode", &["FIPS", "Disabled"])?;
        Ok(Self {
            name: meta.name()?.to_owned(),
            os_disk_gib: ranged(spec.os_disk_size_gb, "spec.osDiskSizeGB", 30, 2048)?,
            os_disk_type: os_disk_type(&meta)?,
            image_family: spec.image_family,
            max_pods: ranged(spec.max_pods, "spec.maxPods", 10, 250)?,
            encryption_at_host: security.encryption_at_host == Some(true),
            trusted_launch: trusted.vtpm == Some(true) || trusted.secure_boot == Some(true),
            fips: spec.fips_mode.as_deref() == Some("FIPS"),
            artifact_streaming: spec.artifact_streaming.and_then(|it| it.enabled) == Some(true),
            gpu_driver_none: mode.as_deref() == Some("None"),
        })
    }
}

fn os_disk_type(meta: &Meta) -> Result<Option<String>, Fault> {
    let found = meta.annotations(|key| key == OS_DISK_TYPE).remove(OS_DISK_TYPE);
    let field = format!("metadata.annotations[{OS_DISK_TYPE}]");
    one_of(found.as_deref(), &field, &["Ephemeral", "Managed"])?;
    Ok(found)
}

fn one_of(value: Option<&str>, field: &str, allowed: &[&str]) -> Result<(), Fault> {
    match value {
        Some(value) if !allowed.contains(&value) => {
            let help = format!("use {}", allowed.join(" or "));
            Err(Fault::new(field, format!("{value:?} is not known"), help))
        }
        _ => Ok(()),
    }
}

fn ranged(value: Option<i64>, field: &str, least: u32, most: u32) -> Result<Option<u32>, Fault> {
    let Some(value) = value else { return Ok(None) };
    match u32::try_from(value) {
        Ok(number) if (least..=most).contains(&number) => Ok(Some(number)),
        _ => {
            let help = format!("give a number from {least} to {most}");
            Err(Fault::new(field, format!("{value} is out of range"), help))
        }
    }
}
