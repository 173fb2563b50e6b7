//! One page of HTML: no script, nothing fetched, made to be printed.

use alloc::format;
use alloc::string::String;

use super::{View, content_of, facts, in_order, proof_of, utc};
use crate::transcript::conversation::Side;
use crate::transcript::verify::{ContentState, VerifiedItem, VerifiedTranscript};

/// Nothing may be loaded or run: the page says so to the browser as well.
const HEAD: &str = "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>Transcript</title>\n<style>\n\
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }\n\
body { max-width: 44rem; margin: 2rem auto; padding: 0 1rem; }\n\
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0 1rem; }\n\
dt { color: GrayText; }\ndd { margin: 0; overflow-wrap: anywhere; }\n\
ol { list-style: none; padding: 0; }\n\
li { margin: 1rem 0; padding-left: 0.75rem; border-left: 3px solid #3b7; break-inside: avoid; }\n\
li.high { border-color: #57c; }\n\
p { margin: 0; white-space: pre-wrap; overflow-wrap: anywhere; }\n\
p.gone { color: GrayText; font-style: italic; }\n\
header, small { color: GrayText; }\n\
@media print { body { margin: 0; max-width: none; } a { color: inherit; } }\n\
</style>\n</head>\n<body>\n<h1>Transcript</h1>\n";

/// A page that stands for itself.
#[must_use]
pub fn to_html(transcript: &VerifiedTranscript, view: &View<'_>) -> String {
    let mut page = String::from(HEAD);
    page.push_str("<dl>\n");
    for (name, value) in facts(transcript.report(), view) {
        page.push_str(&format!("<dt>{name}</dt><dd>{}</dd>\n", escaped(&value)));
    }
    let statement = escaped(transcript.report().statement());
    page.push_str(&format!("</dl>\n<p><strong>{statement}</strong></p>\n<ol>\n"));
    for item in in_order(transcript.items()) {
        page.push_str(&entry(item, view));
    }
    page.push_str("</ol>\n</body>\n</html>\n");
    page
}

/// Each text stands in a direction of its own, so that none reorders its surroundings.
fn entry(item: &VerifiedItem, view: &View<'_>) -> String {
    let side = if item.side() == Side::Low { "low" } else { "high" };
    let name = escaped(&view.name(item.side()));
    let (date, proof) = (escaped(&(view.date)(item.leaf().time)), proof_of(item));
    let moment = utc(item.leaf().time).replacen(' ', "T", 1).replace(" UTC", "Z");
    let gone = if item.content() == ContentState::Ok { "" } else { " class=\"gone\"" };
    let content = escaped(&content_of(item, view));
    format!(
        "<li class=\"{side}\"><header><bdi>{name}</bdi> · <time datetime=\"{moment}\">{date}</time></header>\
         <p{gone} dir=\"auto\">{content}</p><small>{proof}</small></li>\n"
    )
}

/// Text for content and attributes alike.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}
