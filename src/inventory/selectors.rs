//! The selectors of an alert's expression, without those that may select nothing in normal operation.

use promql_parser::parser::{self, Expr, VectorSelector};

/// What an expression queries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueriedSeries {
    /// Selectors that must have a series, or the alert can never fire.
    pub selectors: Vec<String>,
    /// Whether the expression compares, filters or tests for absence. An expression that only selects a series fires as
    /// long as the series exists.
    pub decides: bool,
}

/// Reads an expression.
///
/// # Errors
/// What is wrong with the expression, in the words of the parser.
pub fn asked(expression: &str) -> Result<QueriedSeries, String> {
    let mut asked = QueriedSeries::default();
    walk(&parser::parse(expression)?, &mut asked);
    asked.selectors.sort();
    asked.selectors.dedup();
    Ok(asked)
}

fn walk(expr: &Expr, asked: &mut QueriedSeries) {
    match expr {
        Expr::VectorSelector(selector) => asked.selectors.push(plain(selector)),
        Expr::MatrixSelector(matrix) => asked.selectors.push(plain(&matrix.vs)),
        Expr::Paren(inner) => walk(&inner.expr, asked),
        Expr::Unary(inner) => walk(&inner.expr, asked),
        Expr::Subquery(inner) => walk(&inner.expr, asked),
        Expr::Aggregate(inner) => walk(&inner.expr, asked),
        Expr::Call(call) => {
            if matches!(call.func.name, "absent" | "absent_over_time" | "vector") {
                asked.decides = true;
                return;
            }
            call.args.args.iter().for_each(|arg| walk(arg, asked));
        }
        Expr::Binary(binary) => {
            let word = binary.op.to_string();
            asked.decides |= binary.op.is_comparison_operator() || matches!(word.as_str(), "unless" | "and");
            match word.as_str() {
                // The right side may be empty.
                "unless" => walk(&binary.lhs, asked),
                // One side is enough.
                "or" => {
                    let mut sides = [QueriedSeries::default(), QueriedSeries::default()];
                    walk(&binary.lhs, &mut sides[0]);
                    walk(&binary.rhs, &mut sides[1]);
                    let free = sides.iter().any(|side| side.selectors.is_empty());
                    for side in sides {
                        asked.decides |= side.decides;
                        if !free {
                            asked.selectors.extend(side.selectors);
                        }
                    }
                }
                _ => {
                    walk(&binary.lhs, asked);
                    walk(&binary.rhs, asked);
                }
            }
        }
        _ => {}
    }
}

/// The selector without its times: whether a series is alive does not depend on them.
fn plain(selector: &VectorSelector) -> String {
    VectorSelector { offset: None, at: None, ..selector.clone() }.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_that_must_select_something() {
        let of = |text: &str| asked(text).map(|a| (a.selectors.join(" "), a.decides));
        assert_eq!(of("up == 0"), Ok(("up".into(), true)));
        assert_eq!(of("rate(a_total{job=\"x\"}[5m] offset 1h) / b > 3"), Ok(("a_total{job=\"x\"} b".into(), true)));
        assert_eq!(of("absent(up{job=\"gone\"})"), Ok((String::new(), true)));
        assert_eq!(of("a > 1 unless on(n) b"), Ok(("a".into(), true)));
        assert_eq!(of("a or vector(0)"), Ok((String::new(), true)));
        assert_eq!(of("sum(a)"), Ok(("a".into(), false)));
        assert!(of("sum(a").is_err());
    }
}
