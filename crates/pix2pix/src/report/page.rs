//! Pages: a template with the shared style and scripts, and its data.

use serde::Serialize;

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// A self-contained page: the template with its data as JSON.
pub fn of(template: &str, data: &impl Serialize) -> String {
    let data = serde_json::to_string(data).expect("the data of a page is plain");
    let page = template.replacen("@STYLE@", STYLE, 1);
    let page = page.replacen("@SCRIPT@", SCRIPT, 1);
    // "</script" in the data would end the script element, and after "<!--<script" its own end would not
    page.replacen("@DATA@", &data.replace('<', "\\u003c"), 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_the_data_is_markup() {
        let name = "<!--<script>.png </script><b>";
        let page = of("<script>@DATA@</script>", &name);
        assert_eq!(page.matches('<').count(), 2, "{page}");
        let data = page.trim_start_matches("<script>");
        let data = data.trim_end_matches("</script>");
        assert_eq!(serde_json::from_str::<String>(data).unwrap(), name);
    }
}
