//! The messages in a source file: what `#[error("…")]` says, what becomes a `Failure`, and every other sentence.

use std::collections::BTreeMap;

use proc_macro2::{TokenStream, TokenTree};
use syn::{
    Attribute, Expr, ExprCall, ExprMethodCall, File, FnArg, ImplItemFn, ItemEnum, ItemFn, ItemImpl, ItemMod,
    ItemStruct, LitStr, Local, Macro, Pat, Path, Signature, Variant,
    visit::{self, Visit},
};

/// One message.
pub(super) struct Message {
    /// Its exit code, where the sources tell it.
    pub(super) exit: Option<u8>,
    /// As it stands there.
    pub(super) text: String,
}

/// What a file says.
#[derive(Default)]
pub(super) struct Room {
    /// What is said of a failure.
    pub(super) messages: Vec<Message>,
    /// Every other sentence.
    pub(super) others: Vec<String>,
}

/// The exit code of each error type, and of single variants of it, by what makes a `Failure` of them.
pub(super) type Kinds = BTreeMap<(String, Option<String>), u8>;

/// The exit code of each error type in these files.
pub(super) fn kinds<'a>(files: impl Iterator<Item = &'a File>) -> Kinds {
    let mut found = Conversions::default();
    files.for_each(|file| found.visit_file(file));
    found.kinds.into_iter().filter_map(|(of, kind)| Some((of, kind?))).collect()
}

/// What the file says.
pub(super) fn room(file: &File, kinds: &Kinds) -> Room {
    let mut makers = Makers::default();
    makers.visit_file(file);
    let mut reader = Reader { kinds, makers: makers.found, bound: BTreeMap::new(), room: Room::default() };
    reader.visit_file(file);
    let Room { messages, mut others } = reader.room;
    others.retain(|text| !messages.iter().any(|message| message.text == *text));
    Room { messages, others }
}

fn code(kind: &str) -> Option<u8> {
    let kinds =
        ["TryLater", "Usage", "Daemon", "Refused", "NothingStored", "Keyring", "Configuration", "Other"];
    kinds.iter().position(|known| *known == kind).and_then(|at| u8::try_from(at + 1).ok())
}

/// The one `FailureKind` that is named there; none where there are more.
fn only_kind(visit: impl FnOnce(&mut Named)) -> Option<u8> {
    let mut named = Named::default();
    visit(&mut named);
    named.0.dedup();
    match named.0.as_slice() {
        [kind] => Some(*kind),
        _ => None,
    }
}

/// Each `FailureKind` that is named.
#[derive(Default)]
struct Named(Vec<u8>);

impl<'ast> Visit<'ast> for Named {
    fn visit_path(&mut self, path: &'ast Path) {
        let words: Vec<_> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        if let [.., kind, name] = words.as_slice()
            && kind == "FailureKind"
        {
            self.0.extend(code(name));
        }
        visit::visit_path(self, path);
    }
}

/// Functions that take an error and name kinds of failures.
#[derive(Default)]
struct Conversions {
    /// None where they name several.
    kinds: BTreeMap<(String, Option<String>), Option<u8>>,
    /// Whose functions these are.
    own: Option<String>,
}

impl Conversions {
    fn look(&mut self, signature: &Signature, block: &syn::Block) {
        let own = self.own.clone();
        let types = signature.inputs.iter().filter_map(|input| match input {
            FnArg::Typed(typed) => last_word(&typed.ty),
            FnArg::Receiver(_) => own.clone(),
        });
        for error in types.filter(|name| name.ends_with("Error")) {
            if let Some(kind) = only_kind(|named| named.visit_block(block)) {
                note(&mut self.kinds, (error.clone(), None), kind);
            }
            Arms { error: &error, kinds: &mut self.kinds }.visit_block(block);
        }
    }
}

impl<'ast> Visit<'ast> for Conversions {
    fn visit_item_fn(&mut self, function: &'ast ItemFn) {
        self.look(&function.sig, &function.block);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast ImplItemFn) {
        self.look(&function.sig, &function.block);
    }

    fn visit_item_impl(&mut self, of: &'ast ItemImpl) {
        self.own = last_word(&of.self_ty);
        visit::visit_item_impl(self, of);
        self.own = None;
    }

    fn visit_item_mod(&mut self, module: &'ast ItemMod) {
        if !is_test(&module.attrs) {
            visit::visit_item_mod(self, module);
        }
    }
}

/// What is told in two ways is told in none.
fn note(kinds: &mut BTreeMap<(String, Option<String>), Option<u8>>, of: (String, Option<String>), kind: u8) {
    kinds.entry(of).and_modify(|known| *known = known.filter(|known| *known == kind)).or_insert(Some(kind));
}

/// A match over an error's variants.
struct Arms<'a> {
    error: &'a str,
    kinds: &'a mut BTreeMap<(String, Option<String>), Option<u8>>,
}

impl<'ast> Visit<'ast> for Arms<'_> {
    fn visit_arm(&mut self, arm: &'ast syn::Arm) {
        let mut variants = Variants::default();
        variants.visit_pat(&arm.pat);
        let of_own = variants.0.into_iter().filter(|(error, _)| error == self.error);
        let kind = only_kind(|named| named.visit_expr(&arm.body));
        let of_own: Vec<_> = of_own.map(|(_, variant)| Some(variant)).collect();
        let names = if matches!(arm.pat, Pat::Wild(_)) { vec![None] } else { of_own };
        for name in names {
            if let Some(kind) = kind {
                note(self.kinds, (self.error.to_owned(), name), kind);
            }
        }
    }
}

/// The variants in a pattern, each with its type.
#[derive(Default)]
struct Variants(Vec<(String, String)>);

impl<'ast> Visit<'ast> for Variants {
    fn visit_path(&mut self, path: &'ast Path) {
        let words: Vec<_> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        if let [.., error, variant] = words.as_slice() {
            self.0.push((error.clone(), variant.clone()));
        }
    }
}

/// Closures and functions that make a failure of a message, by name.
#[derive(Default)]
struct Makers {
    found: BTreeMap<String, u8>,
}

impl<'ast> Visit<'ast> for Makers {
    fn visit_local(&mut self, local: &'ast Local) {
        if let (Some(name), Some(init)) = (name(&local.pat), &local.init)
            && let Expr::Closure(closure) = &*init.expr
            && let Some(kind) = only_kind(|named| named.visit_expr(&closure.body))
        {
            self.found.insert(name, kind);
        }
        visit::visit_local(self, local);
    }

    fn visit_item_fn(&mut self, function: &'ast ItemFn) {
        let makes = matches!(&function.sig.output, syn::ReturnType::Type(_, kind) if last_word(kind).as_deref() == Some("Failure"));
        if let Some(kind) = only_kind(|named| named.visit_block(&function.block)).filter(|_| makes) {
            self.found.insert(function.sig.ident.to_string(), kind);
        }
        visit::visit_item_fn(self, function);
    }
}

/// Everything that is said.
struct Reader<'a> {
    kinds: &'a Kinds,
    makers: BTreeMap<String, u8>,
    /// What variables of the function hold.
    bound: BTreeMap<String, Vec<String>>,
    room: Room,
}

impl Reader<'_> {
    fn error(&mut self, error: &str, variant: Option<&Variant>, attributes: &[Attribute]) {
        let said = attributes.iter().filter(|attribute| attribute.path().is_ident("error"));
        let said = said.filter_map(|attribute| attribute.meta.require_list().ok());
        for list in said {
            let Some(text) = literals(list.tokens.clone()).into_iter().next() else { continue };
            let of = |variant: Option<String>| self.kinds.get(&(error.to_owned(), variant)).copied();
            let own = variant.and_then(|variant| of(Some(variant.ident.to_string())));
            self.room.messages.push(Message { exit: own.or_else(|| of(None)), text });
        }
    }

    fn say(&mut self, exit: Option<u8>, argument: &Expr) {
        let mut words = Words::default();
        words.visit_expr(argument);
        let bound = words.names.iter().filter_map(|name| self.bound.get(name)).flatten().cloned();
        let said: Vec<_> =
            words.literals.iter().cloned().chain(bound).filter(|text| is_sentence(text)).collect();
        self.room.messages.extend(said.into_iter().map(|text| Message { exit, text }));
    }

    fn other(&mut self, text: String) {
        if is_sentence(&text) && !self.room.others.contains(&text) {
            self.room.others.push(text);
        }
    }
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item_mod(&mut self, module: &'ast ItemMod) {
        if !is_test(&module.attrs) {
            visit::visit_item_mod(self, module);
        }
    }

    fn visit_item_enum(&mut self, item: &'ast ItemEnum) {
        for variant in &item.variants {
            self.error(&item.ident.to_string(), Some(variant), &variant.attrs);
        }
        self.error(&item.ident.to_string(), None, &item.attrs);
    }

    fn visit_item_struct(&mut self, item: &'ast ItemStruct) {
        self.error(&item.ident.to_string(), None, &item.attrs);
    }

    fn visit_block(&mut self, block: &'ast syn::Block) {
        let outside = self.bound.clone();
        visit::visit_block(self, block);
        self.bound = outside;
    }

    fn visit_local(&mut self, local: &'ast Local) {
        if let (Some(name), Some(init)) = (name(&local.pat), &local.init) {
            let mut words = Words::default();
            words.visit_expr(&init.expr);
            self.bound.entry(name).or_default().extend(words.literals);
        }
        visit::visit_local(self, local);
    }

    fn visit_expr_call(&mut self, call: &'ast ExprCall) {
        let called = match &*call.func {
            Expr::Path(path) => path.path.segments.iter().map(|segment| segment.ident.to_string()).collect(),
            _ => Vec::new(),
        };
        let called: Vec<_> = called.iter().map(String::as_str).collect();
        match (called.as_slice(), call.args.iter().collect::<Vec<_>>().as_slice()) {
            ([.., "Failure" | "Self", "new"], [kind, message]) => {
                self.say(only_kind(|named| named.visit_expr(kind)), message);
            }
            ([name], arguments) if self.makers.contains_key(*name) => {
                let exit = self.makers.get(*name).copied();
                arguments.iter().for_each(|argument| self.say(exit, argument));
            }
            _ => {}
        }
        visit::visit_expr_call(self, call);
    }

    fn visit_expr_method_call(&mut self, call: &'ast ExprMethodCall) {
        // What it says nobody should ever read.
        if call.method == "expect" {
            return self.visit_expr(&call.receiver);
        }
        visit::visit_expr_method_call(self, call);
    }

    fn visit_macro(&mut self, called: &'ast Macro) {
        if !is_for_developers(called) {
            literals(called.tokens.clone()).into_iter().for_each(|text| self.other(text));
        }
    }

    fn visit_lit_str(&mut self, text: &'ast LitStr) {
        self.other(text.value());
    }

    fn visit_attribute(&mut self, _: &'ast Attribute) {}
}

/// The texts and the names in an expression.
#[derive(Default)]
struct Words {
    literals: Vec<String>,
    names: Vec<String>,
}

impl<'ast> Visit<'ast> for Words {
    fn visit_lit_str(&mut self, text: &'ast LitStr) {
        self.literals.push(text.value());
    }

    fn visit_macro(&mut self, called: &'ast Macro) {
        if !is_for_developers(called) {
            self.literals.extend(literals(called.tokens.clone()));
        }
    }

    fn visit_path(&mut self, path: &'ast Path) {
        self.names.extend(path.get_ident().map(ToString::to_string));
    }
}

/// The texts among these tokens, in their order.
fn literals(tokens: TokenStream) -> Vec<String> {
    tokens
        .into_iter()
        .flat_map(|token| match token {
            TokenTree::Group(group) => literals(group.stream()),
            TokenTree::Literal(literal) => {
                syn::parse_str::<LitStr>(&literal.to_string()).map(|text| text.value()).into_iter().collect()
            }
            _ => Vec::new(),
        })
        .collect()
}

/// A log's fields and a broken assertion are no messages.
fn is_for_developers(called: &Macro) -> bool {
    let first = called.path.segments.first().map(|segment| segment.ident.to_string()).unwrap_or_default();
    first == "tracing" || first.starts_with("assert") || first.starts_with("debug_assert")
}

fn is_sentence(text: &str) -> bool {
    text.trim().matches(' ').count() > 1
        && text.chars().filter(|character| character.is_alphabetic()).count() > 5
}

fn is_test(attributes: &[Attribute]) -> bool {
    let tells = |attribute: &Attribute| match attribute.meta.require_list() {
        Ok(list) => list.path.is_ident("cfg") && list.tokens.to_string().contains("test"),
        Err(_) => false,
    };
    attributes.iter().any(tells)
}

fn name(pattern: &Pat) -> Option<String> {
    match pattern {
        Pat::Ident(name) => Some(name.ident.to_string()),
        Pat::Type(typed) => name(&typed.pat),
        _ => None,
    }
}

/// The name of a type, borrowed or not.
fn last_word(kind: &syn::Type) -> Option<String> {
    match kind {
        syn::Type::Path(path) => path.path.segments.last().map(|segment| segment.ident.to_string()),
        syn::Type::Reference(reference) => last_word(&reference.elem),
        _ => None,
    }
}
