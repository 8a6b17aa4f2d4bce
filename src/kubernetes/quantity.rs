//! Kubernetes quantities, as far as scheduling and quotas need them.

/// Larger than any node, and small enough that the sum over a whole cluster does not overflow.
const MOST: f64 = (1_u64 << 46) as f64;

/// CPU in thousandths of a core; none if the text is not a quantity.
pub fn cpu_millis(text: &str) -> Option<u64> {
    let millis = quantity(text)? * 1000.0;
    Some(millis.ceil().min(MOST) as u64)
}

/// Memory in bytes; none if the text is not a quantity.
pub fn memory_bytes(text: &str) -> Option<u64> {
    Some(quantity(text)?.ceil().min(MOST) as u64)
}

/// The number that a quantity stands for: cores, bytes, pieces; none if the text is not a quantity.
pub fn quantity(text: &str) -> Option<f64> {
    let end = text
        .find(|c: char| c.is_ascii_alphabetic())
        .filter(|i| !text[*i..].starts_with(['e', 'E']) || text.len() == *i + 1)
        .unwrap_or(text.len());
    let value: f64 = text[..end].parse().ok()?;
    let factor = match &text[end..] {
        "" => 1.0,
        "n" => 1e-9,
        "u" => 1e-6,
        "m" => 1e-3,
        "k" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "T" => 1e12,
        "P" => 1e15,
        "E" => 1e18,
        "Ki" => 1024.0,
        "Mi" => 1024f64.powi(2),
        "Gi" => 1024f64.powi(3),
        "Ti" => 1024f64.powi(4),
        "Pi" => 1024f64.powi(5),
        "Ei" => 1024f64.powi(6),
        _ => return None,
    };
    (value >= 0.0 && value.is_finite()).then_some(value * factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_forms_that_clusters_use() {
        assert_eq!(cpu_millis("250m"), Some(250));
        assert_eq!(cpu_millis("1.5"), Some(1500));
        assert_eq!(cpu_millis("8"), Some(8000));
        assert_eq!(memory_bytes("64Mi"), Some(64 << 20));
        assert_eq!(memory_bytes("1G"), Some(1_000_000_000));
        assert_eq!(memory_bytes("1e3"), Some(1000));
        for wrong in ["lots", "NaN", "inf", "-1", "1e999", "", "Ki", "é"] {
            assert_eq!((memory_bytes(wrong), cpu_millis(wrong)), (None, None), "{wrong}");
        }
        let most = memory_bytes("9e300").expect("a number");
        assert!(most.checked_mul(150_000).is_some(), "a cluster of them can be added up");
    }
}
