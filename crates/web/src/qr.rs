//! QR codes as markup for a page.

use crate::problem::Problem;
use qrcode::{EcLevel, QrCode, render::svg};

/// One `<svg>` element: error correction M (15 % may be unreadable), the quiet zone of four modules that ISO/IEC 18004
/// §9.1 asks for, black on white whatever the page's colours are, and no inline style.
pub(crate) fn svg(text: &str) -> Result<String, Problem> {
    let code = QrCode::with_error_correction_level(text, EcLevel::M).map_err(|error| {
        tracing::error!(%error, "a QR code cannot be made");
        Problem::Internal
    })?;
    let document = code
        .render::<svg::Color<'_>>()
        .quiet_zone(true)
        .min_dimensions(240, 240)
        .dark_color(svg::Color("#000"))
        .light_color(svg::Color("#fff"))
        .build();
    // It stands inside a page, where an XML declaration may not.
    let markup = document.find("<svg").and_then(|start| document.get(start..)).unwrap_or_default();
    Ok(markup.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_markup_can_stand_in_a_page_under_a_strict_policy() {
        let uri = "otpauth://totp/Countersign:mia%40example.com?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=Countersign";
        let markup = svg(uri).unwrap();
        assert!(markup.starts_with("<svg ") && markup.ends_with("</svg>"), "{markup}");
        assert!(markup.contains("viewBox=") && markup.contains("shape-rendering=\"crispEdges\""));
        assert!(markup.contains("fill=\"#fff\"") && markup.contains("fill=\"#000\""));
        assert!(!markup.contains("style") && !markup.contains("<?xml"));
        // The first dark module is as far from both edges as four modules are tall.
        let first = markup.split_once("d=\"M").unwrap().1.split_once('H').unwrap().0;
        let numbers: Vec<u32> = first.split([' ', 'h', 'v']).map(|number| number.parse().unwrap()).collect();
        let [x, y, _, module] = numbers[..] else { panic!("{first}") };
        assert_eq!((x, y), (4 * module, 4 * module));
    }

    #[test]
    fn what_does_not_fit_is_an_error() {
        assert!(svg(&"x".repeat(3_000)).is_err());
    }
}
