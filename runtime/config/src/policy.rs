//! The policy files: `[[role]]` tables in every `*.toml` of the policy folder, and what they say of remarks.
//!
//! The core compiles the policy and says what is wrong with which role or target; here each of its
//! remarks gets the file and line of the rule that it is about.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use muster_core::id::{Digest, PolicyVersion, RoleName, TargetName};
use muster_core::identity::ValueType;
use muster_core::policy::{self, LintSource, Policy, PolicySource, RoleSource, TargetRules};
use muster_core::subject::Subject;
use ring::digest;

use super::document::{Document, Notes, Section};
use super::lint;
use super::mistake::{ConfigError, MISSING_KEY, Mistake, Position, UNREADABLE, UNUSABLE_VALUE};
use super::options as opt;
use super::trial;

/// Most policy files.
pub const POLICY_FILES_MAX: usize = 1_000;

/// Digits of the digest that name a version.
const VERSION_DIGITS: usize = 12;

/// Most roles.
pub const ROLES_MAX: usize = 10_000;

/// What all files say, and where each part is written.
pub(super) struct Written {
    pub(super) roles: Vec<RoleSource>,
    pub(super) tests: Vec<trial::Written>,
    lint: LintSource,
    places: Places,
}

/// Where roles and targets are written, and the parts of them: expressions and names.
#[derive(Default)]
pub(super) struct Places(Vec<(Subject, Option<String>, PathBuf, Position)>);

impl Places {
    /// Remembers where a part of a role or target is written; without a part, the role or target itself.
    pub(super) fn add(
        &mut self,
        subject: &Subject,
        part: Option<&str>,
        (file, position): (PathBuf, Position),
    ) {
        let part = part.map(str::to_owned);
        self.0.push((subject.clone(), part, file, position));
    }

    fn find(&self, mistake: &policy::Mistake) -> Option<(&Path, Position)> {
        let mut of_subject = self.0.iter().filter(|place| place.0 == mistake.subject);
        let part = of_subject
            .clone()
            .find(|place| place.1.is_some() && place.1 == mistake.part);
        // Of two roles with one name, the second is the one too many.
        let (_, _, file, position) = part.or_else(|| of_subject.next_back())?;
        Some((file, *position))
    }
}

/// Reads every `*.toml` of the folder, in the order of the names.
pub(super) fn read(folder: &Path, shown: &Path, notes: &Notes) -> Written {
    let mut roles = Written {
        roles: Vec::new(),
        tests: Vec::new(),
        lint: LintSource::default(),
        places: Places::default(),
    };
    let files = match files(folder, shown) {
        Ok(files) => files,
        Err(error) => {
            note_all(error, notes);
            return roles;
        }
    };
    for path in files {
        let name = path.file_name().map(PathBuf::from).unwrap_or_default();
        let document = match Document::read(&path, &shown.join(name)) {
            Ok(document) => document,
            Err(error) => {
                note_all(error, notes);
                continue;
            }
        };
        match document.parse() {
            Ok(table) => read_file(&document.root(&table, notes), &mut roles),
            Err(error) => note_all(error, notes),
        }
    }
    roles
}

fn note_all(error: ConfigError, notes: &Notes) {
    for mistake in error.mistakes {
        notes.add(mistake);
    }
}

fn files(folder: &Path, shown: &Path) -> Result<Vec<PathBuf>, ConfigError> {
    let unreadable = |error: std::io::Error| {
        ConfigError::of_file(
            UNREADABLE,
            shown,
            format!("the policy folder could not be read: {error}"),
            "make the folder, or name another one: policy = \"policy\" under [daemon]",
        )
    };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let is_hidden = path
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if !is_hidden
            && path
                .extension()
                .is_some_and(|extension| extension == "toml")
        {
            files.push(path);
        }
    }
    if files.len() > POLICY_FILES_MAX {
        let message = format!("the policy folder has more than {POLICY_FILES_MAX} files");
        return Err(ConfigError::of_file(UNREADABLE, shown, message, ""));
    }
    files.sort_unstable();
    Ok(files)
}

fn read_file(root: &Section<'_>, roles: &mut Written) {
    read_roles(root, roles);
    lint::read(root, &mut roles.lint, &mut roles.places);
    trial::read(root, &mut roles.tests);
    root.finish();
}

fn read_roles(root: &Section<'_>, roles: &mut Written) {
    for section in root.list("role") {
        if roles.roles.len() == ROLES_MAX {
            section.note(
                UNUSABLE_VALUE,
                section.offset(),
                format!("a policy has at most {ROLES_MAX} roles"),
                "give several rules one role".to_owned(),
            );
            return;
        }
        if let Some(role) = read_role(&section, &mut roles.places) {
            roles.roles.push(role);
        }
    }
}

fn read_role(section: &Section<'_>, places: &mut Places) -> Option<RoleSource> {
    let name = section.parsed(&opt::ROLE_NAME, |text| {
        RoleName::new(text).map_err(|error| error.reason.to_owned())
    });
    let description = section.text(&opt::ROLE_DESCRIPTION);
    let when = section.text(&opt::ROLE_WHEN);
    let access = read_access(
        &section.section("access"),
        name.as_ref().map(|name| &name.value),
        places,
    );
    section.finish();
    let (name, when) = (name?, when?);
    let subject = Subject::Role(name.value.clone());
    let when_at = section.mistake_at(when.offset);
    places.add(&subject, Some(&when.value), when_at);
    places.add(&subject, None, section.mistake_at(name.offset));
    Some(RoleSource {
        name: name.value,
        description: description.map_or_else(String::new, |text| text.value),
        when: when.value,
        access,
    })
}

fn read_access(
    section: &Section<'_>,
    role: Option<&RoleName>,
    places: &mut Places,
) -> BTreeMap<TargetName, Vec<String>> {
    let subject = role.map(|role| Subject::Role(role.clone()));
    let mut remember = |part: &str, place| {
        if let Some(subject) = &subject {
            places.add(subject, Some(part), place);
        }
    };
    let mut access = BTreeMap::new();
    for (name, value) in section.entries() {
        let target = match TargetName::new(&name.value) {
            Ok(target) => target,
            Err(error) => {
                let hint = "write for example: access = { crm = [\"group:Sales\"] }".to_owned();
                section.note(UNUSABLE_VALUE, name.offset, error.to_string(), hint);
                continue;
            }
        };
        remember(&name.value, section.mistake_at(name.offset));
        let written = section.texts_of(&opt::ROLE_ACCESS_LIST, value);
        for text in &written {
            remember(&text.value, section.mistake_at(text.offset));
        }
        access.insert(target, written.into_iter().map(|text| text.value).collect());
    }
    access
}

/// What the roles are put together with.
#[derive(Default)]
pub(super) struct Inputs {
    /// The attributes that the feeds' mappings have; without a type where feeds differ in it.
    pub(super) attributes: BTreeMap<String, Option<ValueType>>,
    /// The rules of the targets.
    pub(super) targets: BTreeMap<TargetName, TargetRules>,
    /// Where the targets' expressions are written.
    pub(super) places: Places,
}

/// Puts the policy together and compiles it once, to find every mistake in it. Without the names of the feeds,
/// because these could not be read, a name is no mistake.
pub(super) fn assemble(
    mut roles: Written,
    mut inputs: Inputs,
    has_names: bool,
    notes: &Notes,
) -> PolicySource {
    let mut places = std::mem::take(&mut inputs.places);
    places.0.append(&mut roles.places.0);
    let source = PolicySource {
        version: version(&inputs, &roles),
        attributes: inputs.attributes,
        roles: roles.roles,
        targets: inputs.targets,
        lint: roles.lint,
    };
    let mistakes = if has_names {
        Policy::compile(source.clone()).err().unwrap_or_default()
    } else {
        policy::mistakes_besides_names(source.clone())
    };
    for mistake in mistakes {
        let place = places.find(&mistake);
        notes.add(Mistake {
            code: mistake.code.clone(),
            file: place.map_or_else(PathBuf::new, |(file, _)| file.to_owned()),
            position: place.map(|(_, position)| position),
            message: format!("{}: {}", mistake.subject, mistake.text),
            hint: mistake.hint,
        });
    }
    source
}

/// The version is a digest of what the policy says, not of how the files are laid out: a comment or
/// another order of files is the same policy.
fn version(inputs: &Inputs, written: &Written) -> PolicyVersion {
    let mut context = digest::Context::new(&digest::SHA256);
    let mut add = |text: &str| {
        context.update(&(text.len() as u64).to_le_bytes());
        context.update(text.as_bytes());
    };
    for attribute in inputs.attributes.keys() {
        add(attribute);
    }
    let mut roles: Vec<&RoleSource> = written.roles.iter().collect();
    roles.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    for role in roles {
        add("role");
        add(role.name.as_str());
        add(&role.description);
        add(&role.when);
        for (target, entitlements) in &role.access {
            add("access");
            add(target.as_str());
            for entitlement in entitlements {
                add(entitlement);
            }
        }
    }
    for (name, rules) in &inputs.targets {
        add("target");
        add(name.as_str());
        for (key, expression) in &rules.keys {
            add("key");
            add(key);
            add(expression);
        }
        for (attribute, expression) in &rules.attributes {
            add("attribute");
            add(attribute);
            add(expression);
        }
        add(&format!(
            "{:?} {:?} {:?}",
            rules.adopt, rules.leaver, rules.prehire
        ));
    }
    if let Some(rule) = &written.lint.must_end {
        add("must_end");
        add(rule);
    }
    for one in &written.lint.accepted {
        add("accept");
        add(one.code.as_str());
        add(&one.subject.to_string());
        add(&one.reason);
    }
    let mut bytes = [0; 32];
    bytes.copy_from_slice(context.finish().as_ref());
    let digits = Digest(bytes).to_string();
    PolicyVersion::new(digits.get(..VERSION_DIGITS).unwrap_or(&digits))
}

/// Notes targets that no role gives: IT may have forgotten one, or it is not yet in use.
pub(super) fn unused_targets(source: &PolicySource) -> Vec<TargetName> {
    source
        .targets
        .keys()
        .filter(|target| {
            !source
                .roles
                .iter()
                .any(|role| role.access.contains_key(*target))
        })
        .cloned()
        .collect()
}

/// Says that nothing describes people: without a feed no rule can ever hold.
pub(super) fn missing_feed(file: &Path) -> Mistake {
    Mistake {
        code: MISSING_KEY,
        file: file.to_owned(),
        position: None,
        message: "no feed is configured, so there is nobody to provision".to_owned(),
        hint: "add a [feed.NAME]; `muster init` in an empty folder writes an example".to_owned(),
    }
}
