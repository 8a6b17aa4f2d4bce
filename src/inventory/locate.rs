//! The line on which a field of a manifest stands.

use saphyr_parser::{Event, Parser};

/// Where in a YAML document a JSON pointer leads, or the nearest place above it; lines
/// count from 1. None where the document cannot be read.
pub fn line_of(document: &str, pointer: &str) -> Option<usize> {
    let path: Vec<String> = pointer.split('/').skip(1).map(|part| part.replace("~1", "/").replace("~0", "~")).collect();
    let mut walk = Walk { events: Parser::new_from_str(document) };
    loop {
        match walk.next()? {
            (Event::StreamStart | Event::DocumentStart(_), _) => {}
            (first, line) => return walk.descend(&first, line, &path),
        }
    }
}

struct Walk<'a, I: saphyr_parser::Input> {
    events: Parser<'a, I>,
}

impl<'a, I: saphyr_parser::Input> Walk<'a, I> {
    fn next(&mut self) -> Option<(Event<'a>, usize)> {
        let (event, span) = self.events.next()?.ok()?;
        Some((event, span.start.line()))
    }

    /// Follows the path into the node that begins with this event.
    fn descend(&mut self, event: &Event<'a>, line: usize, path: &[String]) -> Option<usize> {
        let Some((wanted, rest)) = path.split_first() else { return Some(line) };
        match event {
            Event::MappingStart(..) => loop {
                let (key, at) = self.next()?;
                let Event::Scalar(name, ..) = &key else {
                    // The end, or a key that is no word.
                    return Some(line);
                };
                let (value, _) = self.next()?;
                if name == wanted {
                    return self.descend(&value, at, rest);
                }
                self.skip(&value)?;
            },
            Event::SequenceStart(..) => {
                let mut index = wanted.parse::<usize>().ok();
                loop {
                    let (item, at) = self.next()?;
                    if matches!(item, Event::SequenceEnd) {
                        return Some(line);
                    }
                    if index == Some(0) {
                        return self.descend(&item, at, rest);
                    }
                    index = index.map(|i| i - 1);
                    self.skip(&item)?;
                }
            }
            _ => Some(line),
        }
    }

    /// Passes over the node that begins with this event.
    fn skip(&mut self, event: &Event<'a>) -> Option<()> {
        let mut depth = usize::from(matches!(event, Event::MappingStart(..) | Event::SequenceStart(..)));
        while depth > 0 {
            match self.next()?.0 {
                Event::MappingStart(..) | Event::SequenceStart(..) => depth += 1,
                Event::MappingEnd | Event::SequenceEnd => depth -= 1,
                _ => {}
            }
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::line_of;

    #[test]
    fn the_nearest_place_that_there_is() {
        let text = "# a comment\nkind: Deployment\nspec:\n  replicas: 1\n  template:\n    spec:\n      containers:\n      - name: a\n        image: x\n      - name: b\n        a/b: {c: 1}\n";
        let at = |pointer: &str| line_of(text, pointer);
        assert_eq!(at("/spec/replicas"), Some(4));
        assert_eq!(at("/spec/template/spec/containers/1/name"), Some(10));
        assert_eq!(at("/spec/template/spec/containers/0/resources/limits"), Some(8));
        assert_eq!(at("/spec/template/spec/containers/7"), Some(7));
        assert_eq!(at("/spec/template/spec/containers/1/a~1b/c"), Some(11));
        assert_eq!(at("/status"), Some(2));
        assert_eq!(at(""), Some(2));
        assert_eq!(line_of("{a: [", "/a/1"), None);
    }
}
