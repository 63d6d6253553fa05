//! Quantities that clients write as numbers.

use serde_json::Value;

/// Maps from resource names to quantities.
const MAPS: [&str; 10] = [
    "requests",
    "limits",
    "capacity",
    "allocatable",
    "overhead",
    "podFixed",
    "hard",
    "used",
    "default",
    "defaultRequest",
];

/// Turns numbers in maps of quantities into text, which is the form they are kept in.
pub fn normalise(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(normalise),
        Value::Object(map) => {
            for (key, value) in map {
                match value {
                    Value::Object(quantities) if MAPS.contains(&key.as_str()) => {
                        quantities.values_mut().for_each(to_text);
                    }
                    Value::Number(_) if key == "sizeLimit" => to_text(value),
                    _ => {}
                }
                normalise(value);
            }
        }
        _ => {}
    }
}

fn to_text(value: &mut Value) {
    if let Value::Number(number) = value {
        *value = number.to_string().into();
    }
}
