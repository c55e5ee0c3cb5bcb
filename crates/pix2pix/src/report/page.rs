//! Pages: a template with the shared style and scripts, and its data.

use serde::Serialize;

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// A self-contained page: the template with its data as JSON.
pub fn of(template: &str, data: &impl Serialize) -> String {
    let data = serde_json::to_string(data).expect("the data of a page is plain");
    let page = template.replacen("@STYLE@", STYLE, 1);
    let page = page.replacen("@SCRIPT@", SCRIPT, 1);
    // "</script" in the data would end the script element
    page.replacen("@DATA@", &data.replace("</", "<\\/"), 1)
}
