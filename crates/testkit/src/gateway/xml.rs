//! A narrow reader for the XML that IAM and STS answer with: elements with text or elements, no mixed content, no comments.
//! Input: XML text. Output: the inner text of elements, by name and depth. No I/O.

/// The inner text of the first element of this name, still escaped.
pub(crate) fn inner<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    find(xml, name).map(|found| found.inner)
}

/// The unescaped text of the first element of this name.
pub(crate) fn text(xml: &str, name: &str) -> Option<String> {
    inner(xml, name).map(unescape)
}

/// The inner texts of the `<member>` elements directly in a list (a member's own lists are passed over).
pub(crate) fn members(list: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = list;
    while let Some(element) = find(rest, "member") {
        found.push(element.inner);
        rest = element.after;
    }
    found
}

/// The unescaped text of an element directly in this text: elements of the same name inside others are passed over.
pub(crate) fn child(xml: &str, name: &str) -> Option<String> {
    let mut children = children(xml).into_iter();
    children
        .find(|(found, _)| *found == name)
        .map(|(_, inner)| unescape(inner))
}

/// The elements directly in this text, with their names and their inner text, still escaped.
pub(crate) fn children(xml: &str) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    let mut rest = xml;
    while let Some((_, tag)) = rest.split_once('<') {
        let name = tag.split(['>', '/', ' ']).next().unwrap_or_default();
        let Some(element) = find(rest, name) else {
            break;
        };
        found.push((name, element.inner));
        rest = element.after;
    }
    found
}

/// The text with what the first element of this name holds replaced; the text as it was when there is no such element.
pub(crate) fn replace(xml: &str, name: &str, inner: &str) -> String {
    find(xml, name).map_or_else(
        || xml.to_owned(),
        |found| format!("{}<{name}>{inner}</{name}>{}", found.before, found.after),
    )
}

/// The text without the first element of this name.
pub(crate) fn without(xml: &str, name: &str) -> String {
    find(xml, name).map_or_else(
        || xml.to_owned(),
        |found| format!("{}{}", found.before, found.after),
    )
}

/// Text as it must stand inside an element.
pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

/// The text of an element as it was before it was escaped.
pub(crate) fn unescape(text: &str) -> String {
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&apos;", "'")
        .replace("&amp;", "&")
}

struct Element<'a> {
    before: &'a str,
    inner: &'a str,
    after: &'a str,
}

/// The first element of this name, with elements of the same name inside it skipped over to find its end.
fn find<'a>(xml: &'a str, name: &str) -> Option<Element<'a>> {
    let start = opening(xml, name, 0)?;
    let before = xml.get(..start.at)?;
    if start.empty {
        return Some(Element {
            before,
            inner: "",
            after: xml.get(start.end..)?,
        });
    }
    let close = format!("</{name}>");
    let (mut depth, mut at) = (1, start.end);
    loop {
        let end = at + xml.get(at..)?.find(&close)?;
        let nested = opening(xml, name, at).filter(|nested| nested.at < end);
        at = match nested {
            Some(nested) => {
                depth += usize::from(!nested.empty);
                nested.end
            }
            None => {
                depth -= 1;
                end + close.len()
            }
        };
        if depth == 0 {
            return Some(Element {
                before,
                inner: xml.get(start.end..end)?,
                after: xml.get(at..)?,
            });
        }
    }
}

struct Opening {
    at: usize,
    end: usize,
    empty: bool,
}

/// The next `<name>`, `<name attribute="...">` or `<name/>` at or after `from`.
fn opening(xml: &str, name: &str, from: usize) -> Option<Opening> {
    let tag = format!("<{name}");
    let mut from = from;
    loop {
        let at = from + xml.get(from..)?.find(&tag)?;
        let rest = xml.get(at + tag.len()..)?;
        if rest.starts_with(['>', '/', ' ']) {
            let close = rest.find('>')?;
            let empty = rest.get(..close)?.ends_with('/');
            return Some(Opening {
                at,
                end: at + tag.len() + close + 1,
                empty,
            });
        }
        from = at + tag.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROLES: &str = "<R xmlns=\"x\"><Roles><member><Name>a</Name><Tags><member><Key>k</Key></member></Tags></member>\
                         <member><Name>b</Name><Tags/></member></Roles><IsTruncated>false</IsTruncated></R>";

    #[test]
    fn nested_members_are_skipped() {
        let roles = members(inner(ROLES, "Roles").unwrap());
        assert_eq!(roles.len(), 2);
        assert_eq!(
            roles
                .iter()
                .filter_map(|role| text(role, "Name"))
                .collect::<Vec<_>>(),
            ["a", "b"]
        );
    }

    #[test]
    fn child_lookup_ignores_grandchildren() {
        let role = "<Profiles><member><Arn>profile</Arn></member></Profiles><Path/> <Arn>role</Arn>";
        assert_eq!(child(role, "Arn").as_deref(), Some("role"));
        assert_eq!(
            (child(role, "Path").as_deref(), child(role, "Name")),
            (Some(""), None)
        );
    }

    #[test]
    fn longer_element_name_does_not_match() {
        assert_eq!(inner("<RoleName>a</RoleName><Role>b</Role>", "Role"), Some("b"));
    }

    #[test]
    fn elements_are_replaced_and_removed() {
        assert_eq!(replace("<a>1</a><b>2</b>", "b", "3"), "<a>1</a><b>3</b>");
        assert_eq!(
            without(ROLES, "Roles"),
            "<R xmlns=\"x\"><IsTruncated>false</IsTruncated></R>"
        );
        assert_eq!(without("<a>1</a>", "b"), "<a>1</a>");
    }

    #[test]
    fn escaped_text_is_read_back_unchanged() {
        assert_eq!(
            text(&format!("<D>{}</D>", escape("a<b> & \"c\" &lt;")), "D"),
            Some("a<b> & \"c\" &lt;".into())
        );
    }

    #[test]
    fn unclosed_element_is_none() {
        assert_eq!(inner("<a><b></a>", "b"), None);
    }
}
