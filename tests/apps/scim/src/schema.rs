//! The attributes that this service knows, and how a path names one of them.
//!
//! The tables follow RFC 7643: User (section 4.1), the enterprise extension (4.3), Group (4.2). Names
//! are compared without regard to case; everything stored and answered uses the spelling found here.

use crate::resource::ResourceType;

/// What kind of value an attribute has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Boolean,
    Instant,
    Reference,
    Binary,
    Complex,
}

/// Who may change an attribute, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mutability {
    ReadWrite,
    ReadOnly,
    Immutable,
    WriteOnly,
}

/// One attribute, as the discovery documents describe it.
#[expect(
    clippy::struct_excessive_bools,
    reason = "RFC 7643 describes attributes by these"
)]
#[derive(Debug)]
pub(crate) struct Attribute {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) is_multi: bool,
    pub(crate) is_required: bool,
    pub(crate) is_case_exact: bool,
    pub(crate) is_unique: bool,
    pub(crate) is_always_returned: bool,
    pub(crate) mutability: Mutability,
    pub(crate) subs: &'static [Attribute],
    /// The values that are meant, where there are only these.
    pub(crate) canonical: &'static [&'static str],
    pub(crate) description: &'static str,
}

impl Attribute {
    const fn new(name: &'static str, kind: Kind, description: &'static str) -> Self {
        Self {
            name,
            kind,
            is_multi: false,
            is_required: false,
            is_case_exact: false,
            is_unique: false,
            is_always_returned: false,
            mutability: Mutability::ReadWrite,
            subs: &[],
            canonical: &[],
            description,
        }
    }

    const fn text(name: &'static str, description: &'static str) -> Self {
        Self::new(name, Kind::Text, description)
    }

    const fn complex(
        name: &'static str,
        subs: &'static [Attribute],
        description: &'static str,
    ) -> Self {
        Self {
            subs,
            ..Self::new(name, Kind::Complex, description)
        }
    }

    /// A list of complex values.
    const fn list(
        name: &'static str,
        subs: &'static [Attribute],
        description: &'static str,
    ) -> Self {
        Self {
            is_multi: true,
            ..Self::complex(name, subs, description)
        }
    }

    const fn required(self) -> Self {
        Self {
            is_required: true,
            ..self
        }
    }

    const fn case_exact(self) -> Self {
        Self {
            is_case_exact: true,
            ..self
        }
    }

    const fn with(self, mutability: Mutability) -> Self {
        Self { mutability, ..self }
    }

    /// The part with this name, whatever its case.
    pub(crate) fn sub(&self, name: &str) -> Option<&'static Attribute> {
        find(self.subs, name)
    }
}

/// The attribute with this name, whatever its case.
pub(crate) fn find(attributes: &'static [Attribute], name: &str) -> Option<&'static Attribute> {
    attributes
        .iter()
        .find(|attribute| attribute.name.eq_ignore_ascii_case(name))
}

/// Which attribute a path names.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Path {
    /// The extension that the attribute belongs to, by its URN; `None` for the core schema.
    pub(crate) extension: Option<&'static str>,
    pub(crate) attribute: &'static Attribute,
    pub(crate) sub: Option<&'static Attribute>,
}

impl Path {
    /// What is compared when the path is used in a filter: the part it names, the value of a list
    /// of complex values, or the attribute itself.
    pub(crate) fn compared(&self) -> &'static Attribute {
        self.sub
            .or_else(|| self.attribute.sub("value"))
            .unwrap_or(self.attribute)
    }
}

/// Reads `[urn:]attribute[.part]`; `None` if this service knows no such attribute.
pub(crate) fn resolve(resource_type: ResourceType, text: &str) -> Option<Path> {
    let (extension, rest) = match strip_urn(text, resource_type.schema()) {
        Some(rest) => (None, rest),
        None => match resource_type.extension() {
            Some(extension) => match strip_urn(text, extension.schema) {
                Some(rest) => (Some(extension), rest),
                None => (None, text),
            },
            None => (None, text),
        },
    };
    let (name, part) = match rest.split_once('.') {
        Some((name, part)) => (name, Some(part)),
        None => (rest, None),
    };
    let attribute = match extension {
        Some(extension) => find(extension.attributes, name)?,
        None => find(COMMON, name).or_else(|| find(resource_type.attributes(), name))?,
    };
    let sub = match part {
        Some(part) => Some(attribute.sub(part)?),
        None => None,
    };
    Some(Path {
        extension: extension.map(|extension| extension.schema),
        attribute,
        sub,
    })
}

fn strip_urn<'text>(text: &'text str, urn: &str) -> Option<&'text str> {
    let head = text.get(..urn.len())?;
    head.eq_ignore_ascii_case(urn)
        .then(|| text[urn.len()..].strip_prefix(':'))?
}

const VALUE: Attribute = Attribute::text("value", "The value.");
const DISPLAY: Attribute = Attribute::text("display", "A name for people.");
const TYPE: Attribute = Attribute::text("type", "What the value is for, such as work or home.");
const PRIMARY: Attribute = Attribute::new(
    "primary",
    Kind::Boolean,
    "Whether this is the preferred one; at most one is.",
);

const LABELLED: &[Attribute] = &[VALUE, DISPLAY, TYPE, PRIMARY];

/// Attributes of every resource. `schemas` is kept by the service and not listed in schemas.
pub(crate) const COMMON: &[Attribute] = &[
    Attribute {
        is_always_returned: true,
        is_unique: true,
        ..Attribute::text("id", "The service's own immutable id.")
            .case_exact()
            .with(Mutability::ReadOnly)
    },
    Attribute::text("externalId", "The client's id of the resource.").case_exact(),
    Attribute::complex(
        "meta",
        &[
            Attribute::text("resourceType", "The resource type.").case_exact(),
            Attribute::new("created", Kind::Instant, "When it was made."),
            Attribute::new("lastModified", Kind::Instant, "When it was last changed."),
            Attribute::new("location", Kind::Reference, "Its address.").case_exact(),
            Attribute::text("version", "Its entity tag.").case_exact(),
        ],
        "What the service knows about the resource.",
    )
    .with(Mutability::ReadOnly),
];

/// Attributes of a user.
pub(crate) const USER: &[Attribute] = &[
    Attribute {
        is_unique: true,
        ..Attribute::text("userName", "The name a person signs in with.").required()
    },
    Attribute::complex(
        "name",
        &[
            Attribute::text("formatted", "The whole name."),
            Attribute::text("familyName", "The family name."),
            Attribute::text("givenName", "The given name."),
            Attribute::text("middleName", "The middle names."),
            Attribute::text("honorificPrefix", "A title before the name."),
            Attribute::text("honorificSuffix", "A suffix after the name."),
        ],
        "The parts of the name.",
    ),
    Attribute::text("displayName", "The name shown to others."),
    Attribute::text("nickName", "A casual name."),
    Attribute::new("profileUrl", Kind::Reference, "The page of the person."),
    Attribute::text("title", "The job title."),
    Attribute::text("userType", "How the person relates to the organisation."),
    Attribute::text("preferredLanguage", "The preferred language."),
    Attribute::text("locale", "The locale for dates and numbers."),
    Attribute::text("timezone", "The time zone."),
    Attribute::new("active", Kind::Boolean, "Whether the person can sign in."),
    Attribute::text("password", "The password; never answered.")
        .case_exact()
        .with(Mutability::WriteOnly),
    Attribute::list("emails", LABELLED, "E-mail addresses."),
    Attribute::list("phoneNumbers", LABELLED, "Phone numbers."),
    Attribute::list("ims", LABELLED, "Instant messaging addresses."),
    Attribute::list("photos", LABELLED, "Addresses of pictures."),
    Attribute::list(
        "addresses",
        &[
            Attribute::text("formatted", "The whole address."),
            Attribute::text("streetAddress", "Street and number."),
            Attribute::text("locality", "The town."),
            Attribute::text("region", "The state or region."),
            Attribute::text("postalCode", "The postal code."),
            Attribute::text("country", "The country, ISO 3166-1 alpha-2."),
            TYPE,
            PRIMARY,
        ],
        "Postal addresses.",
    ),
    Attribute::list(
        "groups",
        &[
            Attribute::text("value", "The id of the group.").with(Mutability::ReadOnly),
            Attribute::new("$ref", Kind::Reference, "The address of the group.")
                .with(Mutability::ReadOnly),
            Attribute::text("display", "The name of the group.").with(Mutability::ReadOnly),
            Attribute::text("type", "direct or indirect.").with(Mutability::ReadOnly),
        ],
        "The groups of the user; changed through the groups.",
    )
    .with(Mutability::ReadOnly),
    Attribute::list("entitlements", LABELLED, "What the person is entitled to."),
    Attribute::list("roles", LABELLED, "Roles of the person."),
    Attribute::list(
        "x509Certificates",
        &[
            Attribute::new("value", Kind::Binary, "A certificate, DER."),
            DISPLAY,
            TYPE,
            PRIMARY,
        ],
        "Certificates.",
    ),
];

/// Attributes of the enterprise extension of a user.
pub(crate) const ENTERPRISE: &[Attribute] = &[
    Attribute::text(
        "employeeNumber",
        "The number that the organisation gave the person.",
    ),
    Attribute::text("costCenter", "The cost centre."),
    Attribute::text("organization", "The organisation."),
    Attribute::text("division", "The division."),
    Attribute::text("department", "The department."),
    Attribute::complex(
        "manager",
        &[
            Attribute::text("value", "The id of the manager's user."),
            Attribute::new(
                "$ref",
                Kind::Reference,
                "The address of the manager's user.",
            ),
            Attribute::text("displayName", "The name of the manager.").with(Mutability::ReadOnly),
        ],
        "The manager of the person.",
    ),
];

/// Attributes of a group.
pub(crate) const GROUP: &[Attribute] = &[
    Attribute::text("displayName", "The name of the group.").required(),
    Attribute::list(
        "members",
        &[
            Attribute::text("value", "The id of the member.").with(Mutability::Immutable),
            Attribute::new("$ref", Kind::Reference, "The address of the member.")
                .with(Mutability::Immutable),
            Attribute::text("display", "The name of the member.").with(Mutability::ReadOnly),
            Attribute {
                canonical: &["User", "Group"],
                ..Attribute::text("type", "User or Group.").with(Mutability::Immutable)
            },
        ],
        "The members of the group.",
    ),
];

#[cfg(test)]
mod tests {
    use super::resolve;
    use crate::resource::ResourceType;

    #[test]
    fn a_path_is_read_with_and_without_its_urn_in_any_case() {
        for text in [
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value",
            "URN:ietf:params:scim:schemas:extension:enterprise:2.0:user:MANAGER.VALUE",
        ] {
            let path = resolve(ResourceType::User, text).unwrap();
            assert_eq!(
                (path.attribute.name, path.sub.unwrap().name),
                ("manager", "value")
            );
            assert!(path.extension.is_some());
        }
        let path = resolve(
            ResourceType::User,
            "urn:ietf:params:scim:schemas:core:2.0:User:name.familyName",
        );
        assert_eq!(path.unwrap().sub.unwrap().name, "familyName");
        assert!(resolve(ResourceType::User, "department").is_none());
        assert!(resolve(ResourceType::Group, "userName").is_none());
    }
}
