//! Distribution and sign-off.

super::words! { "people",
    SIGN_OFF_SECTION = "Distribution and sign-off";
    DISTRIBUTION = "Distribution";
    SIGNED_OFF = "Signed off by";
    RETENTION = "Evidence is kept until";
    NEXT = "Next exercise";
    OBSERVATIONS = "Observations of people";
    NONE_RECORDED = "none recorded";
    NO_DATE = "no date yet; the scenario asks for one every {0}";
}
