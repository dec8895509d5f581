//! Files that people have, and what import makes of them. What no table thinks of is in `tests/profiles/import.rs`.

use super::*;
use crate::config::complaint::Complaint;

/// What is wanted, with everything that a test may turn.
struct Case {
    pairs: Vec<Pair>,
    template: Template,
    region: Option<&'static str>,
    taken: BTreeSet<String>,
    prune: bool,
    chosen: Filter,
}

impl Case {
    fn of(pairs: &[(&str, &str, &str)]) -> Self {
        Self {
            pairs: pairs.iter().map(|(id, account, role)| Pair::new(id, account, role)).collect(),
            template: Template::default(),
            region: None,
            taken: BTreeSet::new(),
            prune: false,
            chosen: Filter::default(),
        }
    }

    fn edit(&self, existing: &str) -> Result<Edit, Complaint> {
        let chosen: Vec<Pair> = self.pairs.iter().filter(|pair| self.chosen.admits(pair)).cloned().collect();
        edit(
            existing,
            &Wanted {
                file: &Path::new("config").into(),
                session: "corp",
                start_url: "https://corp.awsapps.com/start",
                region: "eu-central-1",
                scopes: &["sso:account:access".to_owned()],
                listed: &self.pairs,
                chosen: &chosen,
                template: &self.template,
                profile_region: self.region,
                taken: &self.taken,
                prune: self.prune,
            },
        )
    }

    /// The text, and the preview without columns; a second run must change nothing.
    #[track_caller]
    fn gives(&self, existing: &str, text: &str, told: &[&str]) {
        let edit = self.edit(existing).unwrap();
        assert_eq!(edit.text, text);
        let lines = preview(&edit, "corp");
        let lines: Vec<String> =
            lines.iter().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        assert_eq!(lines, told);
        let again = self.edit(&edit.text).unwrap();
        assert_eq!(again.text, edit.text);
        assert!(again.names(|outcome| matches!(outcome, Outcome::Added(_) | Outcome::Changed(_))).is_empty());
    }
}

const ADMIN: (&str, &str, &str) = ("111122223333", "Prod EU", "Admin");
const READER: (&str, &str, &str) = ("111122223333", "Prod EU", "Reader");

const SESSION: &str = "[sso-session corp]\nsso_start_url = https://corp.awsapps.com/start\nsso_region = eu-central-1\n\
                       sso_registration_scopes = sso:account:access\n";
const OURS: &str = "\n# credenza import: corp 111122223333 Admin\n[profile Prod-EU-Admin]\nsso_session = corp\n\
                    sso_account_id = 111122223333\nsso_role_name = Admin\n";

#[test]
fn an_empty_file_gets_the_session_and_the_profiles() {
    let told = ["+ [sso-session corp]", "+ Prod-EU-Admin Prod EU (111122223333) Admin"];
    Case::of(&[ADMIN]).gives("", &format!("{SESSION}{OURS}"), &told);
    Case::of(&[ADMIN]).gives("\u{feff}", &format!("\u{feff}{SESSION}{OURS}"), &told);
    Case::of(&[]).gives("", SESSION, &told[..1]);
}

#[test]
fn what_stands_there_stays_and_its_line_ends_are_taken_over() {
    let told = ["+ [sso-session corp]", "+ Prod-EU-Admin Prod EU (111122223333) Admin"];
    for (existing, between) in [
        ("[default]\nregion = x\n", "\n"),
        ("[default]\nregion = x", "\n\n"),
        ("[default]\nregion = x\n\n", ""),
        ("; only a note", "\n\n"),
        ("[default]\ns3 =\n  x = 1\n  # note\n \n", ""),
        ("[broken\nnonsense\n", "\n"),
    ] {
        Case::of(&[ADMIN]).gives(existing, &format!("{existing}{between}{SESSION}{OURS}"), &told);
        let crlf = |text: &str| text.replace('\n', "\r\n");
        if existing.contains('\n') {
            let text = crlf(&format!("{existing}{between}{SESSION}{OURS}"));
            Case::of(&[ADMIN]).gives(&crlf(existing), &text, &told);
        }
    }
}

#[test]
fn a_header_that_is_further_in_stays_one_below_what_is_set_right_or_gone() {
    let before = format!("{SESSION}\n# credenza import: corp 111122223333 Admin\n[profile Prod-EU-Admin]\n");
    let right = format!("{SESSION}{OURS}");
    let told = ["~ Prod-EU-Admin Prod EU (111122223333) Admin set right: sso_session, sso_account_id, sso_role_name"];
    let case = Case::of(&[ADMIN]);
    case.gives(&format!("{before}  [profile c]\nk = v\n"), &format!("{right}[profile c]\nk = v\n"), &told);
    // nothing is added: nothing is moved
    let indented = OURS.replace("sso_", "  sso_");
    let whole = format!("{SESSION}{indented}  [profile c]\nk = v\n");
    assert_eq!(case.edit(&whole).unwrap().text, whole);

    let mut case = Case::of(&[]);
    case.prune = true;
    let mine = "[profile mine]\nregion = x\n";
    let edit = case.edit(&format!("{SESSION}{mine}{indented}  [profile c]\nk = v\n")).unwrap();
    assert_eq!(edit.text, format!("{SESSION}{mine}[profile c]\nk = v\n"));
}

#[test]
fn a_name_in_use_is_left_alone() {
    let told = [
        "! Prod-EU-Admin Prod EU (111122223333) Admin left: a profile of this name is there that import did not write; give another --name",
    ];
    for header in
        ["profile Prod-EU-Admin", "profile \"Prod-EU-Admin\"", " profile  Prod-EU-Admin ", "profilex Prod-EU-Admin"]
    {
        let existing = format!("{SESSION}\n[{header}]\nregion = x\n");
        Case::of(&[ADMIN]).gives(&existing, &existing, &told);
    }
    let mut case = Case::of(&[ADMIN]);
    case.taken.insert("Prod-EU-Admin".to_owned());
    case.gives(SESSION, SESSION, &told);
}

#[test]
fn a_pair_that_the_user_has_a_profile_for_gets_no_second_one() {
    let keys = "sso_account_id = 111122223333\nsso_role_name = Admin\n";
    let existing = format!("{SESSION}[profile mine]\nsso_session = corp\n{keys}");
    let told = ["! Prod-EU-Admin Prod EU (111122223333) Admin has a profile already: mine"];
    Case::of(&[ADMIN]).gives(&existing, &existing, &told);
    let other = format!("{SESSION}[profile mine]\nsso_session = other\n{keys}");
    let told = ["+ Prod-EU-Admin Prod EU (111122223333) Admin"];
    Case::of(&[ADMIN]).gives(&other, &format!("{other}{OURS}"), &told);
}

#[test]
fn ours_is_set_right_and_what_the_user_added_stays() {
    let marker = "# credenza import: corp 111122223333 Admin\n";
    let told = |keys: &str| format!("~ mine Prod EU (111122223333) Admin set right: {keys}");
    for (edited, mended, keys) in [
        // a renamed profile keeps its name
        (
            "[profile mine]\noutput = json\nsso_session = x\nsso_account_id = 1\n# note\nsso_role_name = y\n",
            "[profile mine]\noutput = json\nsso_session = corp\nsso_account_id = 111122223333\n# note\nsso_role_name = Admin\n",
            "sso_session, sso_account_id, sso_role_name",
        ),
        // what is missing goes to the margin, where it continues nothing
        (
            "[profile mine]\nsso_session = corp\nsso_account_id = 111122223333\ns3 =\n  x = 1\n\n# next\n",
            "[profile mine]\nsso_session = corp\nsso_account_id = 111122223333\ns3 =\n  x = 1\nsso_role_name = Admin\n\n# next\n",
            "sso_role_name",
        ),
        (
            "[profile mine]",
            "[profile mine]\nsso_session = corp\nsso_account_id = 111122223333\nsso_role_name = Admin\n",
            "sso_session, sso_account_id, sso_role_name",
        ),
        // a comment after a value is a part of it in botocore, an indented one in aws-runtime
        (
            "[profile mine]\nsso_session = corp # a\nsso_account_id = 111122223333\n  ; b\n  c\nSSO_Role_Name: Admin\n",
            "[profile mine]\n# a\nsso_session = corp\nsso_account_id = 111122223333\n; b\nsso_role_name = Admin\n",
            "sso_session, sso_account_id, sso_role_name",
        ),
        // botocore refuses a key twice
        (
            "[profile mine]\nsso_session = corp\nsso_account_id = 111122223333\nsso_role_name = Admin\nsso_session = x\n y\n",
            "[profile mine]\nsso_session = corp\nsso_account_id = 111122223333\nsso_role_name = Admin\n",
            "sso_session",
        ),
    ] {
        let [existing, text] = [edited, mended].map(|body| format!("{SESSION}\n{marker}{body}"));
        Case::of(&[ADMIN]).gives(&existing, &text, &[&told(keys)]);
    }
}

#[test]
fn without_its_comment_a_profile_is_the_users() {
    let existing = format!("{SESSION}{}", OURS.replace("# credenza import: ", "# "));
    let told = ["! Prod-EU-Admin Prod EU (111122223333) Admin has a profile already: Prod-EU-Admin"];
    Case::of(&[ADMIN]).gives(&existing, &existing, &told);
}

#[test]
fn a_region_is_ours_only_where_we_wrote_it() {
    let mut case = Case::of(&[ADMIN]);
    let marked = OURS.replace(" Admin\n[", " Admin region\n[");
    let with = |ours: &str, region: &str| format!("{SESSION}{ours}region = {region}\n");
    let same = ["= Prod-EU-Admin Prod EU (111122223333) Admin"];
    let region = ["~ Prod-EU-Admin Prod EU (111122223333) Admin set right: region"];
    // nothing is wanted: what stands there stays
    case.gives(&with(&marked, "x"), &with(&marked, "x"), &same);
    case.region = Some("eu-west-1");
    case.gives(SESSION, &with(&marked, "eu-west-1"), &["+ Prod-EU-Admin Prod EU (111122223333) Admin"]);
    case.gives(&with(&marked, "x"), &with(&marked, "eu-west-1"), &region);
    case.gives(&with(OURS, "x"), &with(OURS, "x"), &same);
    case.gives(&format!("{SESSION}{OURS}"), &with(&marked, "eu-west-1"), &region);
}

#[test]
fn what_is_not_listed_any_more_stays_unless_it_is_to_go() {
    let existing = format!("{SESSION}{OURS}output = json\n\n# note\n[profile b]\nk = v\n");
    let mut case = Case::of(&[]);
    let told = "Prod-EU-Admin 111122223333 Admin not listed any more";
    case.gives(&existing, &existing, &[&format!("! {told}: it stays, unless --prune is given")]);
    case.prune = true;
    case.gives(&existing, &format!("{SESSION}\n# note\n[profile b]\nk = v\n"), &[&format!("- {told}")]);
    // what is listed and was not chosen is not gone, and other sessions' profiles are theirs
    case = Case::of(&[ADMIN, READER]);
    case.prune = true;
    case.chosen.roles.push("none".to_owned());
    case.gives(&existing, &existing, &[]);
    let other = existing.replace("import: corp", "import: other");
    case = Case::of(&[]);
    case.prune = true;
    case.gives(&other, &other, &[]);
}

#[test]
fn pairs_that_would_be_called_the_same_get_their_accounts_number() {
    let mut case =
        Case::of(&[("222222222222", "Prod", "A"), ("111111111111", "Prod", "A"), ("333333333333", "X", "A")]);
    let names = |case: &Case, existing: &str| {
        let edit = case.edit(existing).unwrap();
        edit.names(|_| true).into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(names(&case, ""), ["Prod-A-111111111111", "Prod-A-222222222222", "X-A"]);
    let lines = preview(&case.edit("").unwrap(), "corp");
    assert!(lines[1].ends_with("more than one would be called Prod-A"), "{lines:?}");
    // one account, several roles
    case.template = Template::read("{account_name}").unwrap();
    case.pairs.push(Pair::new("333333333333", "X", "B"));
    assert_eq!(names(&case, ""), ["Prod-111111111111", "Prod-222222222222", "X-333333333333-A", "X-333333333333-B"]);
    // a name once given stays
    let before = Case::of(&[("111111111111", "Prod", "A")]).edit("").unwrap().text;
    case.template = Template::default();
    assert_eq!(names(&case, &before), ["Prod-A", "Prod-A-222222222222", "X-A", "X-B"]);
}

#[test]
fn a_session_that_means_another_is_an_error_with_its_line() {
    let error = |existing: &str| Case::of(&[ADMIN]).edit(existing).unwrap_err().to_string();
    let other = error(&format!("\n{}", SESSION.replace("corp.aws", "x.aws")));
    assert!(other.starts_with("config:3: [sso-session corp] has the sso_start_url https://x.aws"), "{other}");
    let region = error(&SESSION.replace("eu-central-1", "us-east-1"));
    assert!(region.starts_with("config:3: ") && region.contains("us-east-1, not eu-central-1"), "{region}");
    let missing = error("[sso-session corp]\nsso_region = eu-central-1\n");
    assert!(missing.starts_with("config:1: ") && missing.contains("has no sso_start_url"), "{missing}");
    let same = SESSION.replace("/start", "/start/#/");
    assert!(Case::of(&[ADMIN]).edit(&same).is_ok());
}

#[test]
fn what_cannot_be_written_is_told() {
    let case = Case::of(&[("111122223333", "a", "x\n[profile y]"), ("1 2", "b", "A"), ADMIN]);
    let edit = case.edit(SESSION).unwrap();
    assert_eq!(edit.names(|outcome| *outcome == Outcome::Left(Why::Unwritable)).len(), 2);
    assert_eq!(edit.text, format!("{SESSION}{OURS}"));
    assert!(preview(&edit, "corp").iter().all(|line| !line.contains('\n')));
    let mut case = Case::of(&[ADMIN]);
    case.region = Some("a\nb");
    assert!(case.edit("").unwrap_err().text.starts_with("the profiles' region \"a\\nb\" cannot be written"));
}

#[test]
fn a_comment_left_behind_makes_nobody_elses_profile_ours() {
    let marker = "# credenza import: corp 111122223333 Reader\n";
    let user = "[profile user]\nk = v\n";
    let existing = format!("{SESSION}{marker}{}{user}", OURS.trim_start());
    let mut case = Case::of(&[]);
    case.prune = true;
    let told = ["- Prod-EU-Admin 111122223333 Admin not listed any more"];
    case.gives(&existing, &format!("{SESSION}{marker}\n{user}"), &told);
}
