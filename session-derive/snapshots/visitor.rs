#[doc = "The accessors of a `Session<Visitor>`."]
#[allow(
    clippy::all,
    clippy::nursery,
    clippy::pedantic,
    clippy::restriction,
    dead_code,
    deprecated,
    nonstandard_style
)]
#[derive(:: core :: clone :: Clone)]
pub struct VisitorSession {
    __handle: ::session::__private::Handle,
}
#[allow(
    clippy::all,
    clippy::nursery,
    clippy::pedantic,
    clippy::restriction,
    dead_code,
    deprecated,
    nonstandard_style
)]
#[automatically_derived]
impl VisitorSession {
    const __user_id: ::session::__private::Optional<u64> = ::session::__private::optional::<u64>(
        ::session::__private::key("user_id")
            .aliases(&["uid"])
            .privileged(),
    );
    #[doc = "Reads `user_id`."]
    #[doc = ""]
    #[doc = " Who is logged in."]
    #[must_use]
    pub fn user_id(&self) -> Option<u64> {
        Self::__user_id.get(&self.__handle)
    }
    #[doc = "Sets `user_id`."]
    #[doc = ""]
    #[doc = " Who is logged in."]
    pub fn set_user_id(&self, value: u64) {
        Self::__user_id.set(&self.__handle, &value)
    }
    #[doc = "Changes `user_id` in place. `change` runs again, on the fresh value, when another request got in between."]
    #[doc = ""]
    #[doc = " Who is logged in."]
    pub fn update_user_id(
        &self,
        change: impl ::core::ops::Fn(&mut Option<u64>) + ::core::marker::Send + 'static,
    ) {
        Self::__user_id.update(&self.__handle, change)
    }
    #[doc = "Removes `user_id`."]
    #[doc = ""]
    #[doc = " Who is logged in."]
    pub fn unset_user_id(&self) {
        Self::__user_id.unset(&self.__handle)
    }
    #[doc = "Says whether the session has `user_id`."]
    #[doc = ""]
    #[doc = " Who is logged in."]
    #[must_use]
    pub fn has_user_id(&self) -> ::core::primitive::bool {
        Self::__user_id.has(&self.__handle)
    }
    const __codes: ::session::__private::Defaulted<Vec<String>> =
        ::session::__private::defaulted::<Vec<String>>(
            ::session::__private::key("codes").expires_in(600u64).secret(),
            <Vec<String> as ::core::default::Default>::default,
        );
    #[doc = "Reads `codes`, or its default when the session has none."]
    #[must_use]
    pub fn codes(&self) -> Vec<String> {
        Self::__codes.get(&self.__handle)
    }
    #[doc = "Sets `codes`."]
    pub fn set_codes(&self, value: Vec<String>) {
        Self::__codes.set(&self.__handle, &value)
    }
    #[doc = "Changes `codes` in place. `change` runs again, on the fresh value, when another request got in between."]
    pub fn update_codes(
        &self,
        change: impl ::core::ops::Fn(&mut Vec<String>) + ::core::marker::Send + 'static,
    ) {
        Self::__codes.update(&self.__handle, change)
    }
    #[doc = "Removes `codes`, which then reads as its default."]
    pub fn unset_codes(&self) {
        Self::__codes.unset(&self.__handle)
    }
    #[doc = "Says whether the session has `codes`."]
    #[must_use]
    pub fn has_codes(&self) -> ::core::primitive::bool {
        Self::__codes.has(&self.__handle)
    }
    const __notice: ::session::__private::Flash<String> =
        ::session::__private::flash::<String>(::session::__private::key("notice").for_next_request());
    #[doc = "Flashes `notice`: it is gone after the next request, read or not."]
    fn flash_notice(&self, value: impl ::core::convert::Into<String>) {
        Self::__notice.flash(&self.__handle, &::core::convert::Into::<String>::into(value))
    }
    #[doc = "Reads `notice` once: then it is gone."]
    fn take_notice(&self) -> ::core::option::Option<String> {
        Self::__notice.take(&self.__handle)
    }
    #[doc = "Reads `notice` and leaves it."]
    #[must_use]
    fn peek_notice(&self) -> ::core::option::Option<String> {
        Self::__notice.peek(&self.__handle)
    }
    #[doc = "Says whether the session has `notice`."]
    #[must_use]
    fn has_notice(&self) -> ::core::primitive::bool {
        Self::__notice.has(&self.__handle)
    }
    #[doc = "Keeps `notice` for one more request."]
    fn keep_notice(&self) {
        Self::__notice.keep(&self.__handle)
    }
    #[doc = "The accessors of `shop`, a schema of its own."]
    #[must_use]
    fn shop(&self) -> <shop::Shop as ::session::SessionSchema>::Accessors {
        <shop::Shop as ::session::SessionSchema>::__accessors(self.__handle.under("shop_"))
    }
}
#[allow(
    clippy::all,
    clippy::nursery,
    clippy::pedantic,
    clippy::restriction,
    dead_code,
    deprecated,
    nonstandard_style
)]
#[automatically_derived]
impl ::session::SessionSchema for Visitor {
    type Accessors = VisitorSession;
    type __Privilege = ::session::__private::Privileged;
    const KEYS: &'static [&'static ::core::primitive::str] = {
        const FIELDS: &[::session::__private::Field] = <Visitor as ::session::SessionSchema>::__FIELDS;
        &::session::__private::keys::<{ ::session::__private::count_keys(FIELDS) }>(FIELDS)
    };
    const __FIELDS: &'static [::session::__private::Field] = {
        const PARTS: &[::session::__private::Part] = &[
            ::session::__private::part(
                "",
                &[
                    ::session::__private::field::<u64>("Visitor", "user_id", "u64"),
                    ::session::__private::field::<u64>("Visitor", "uid", "u64").former(),
                    ::session::__private::field::<Vec<String>>("Visitor", "codes", "Vec<String>"),
                    ::session::__private::field::<String>("Visitor", "notice", "String").flash(),
                ],
            ),
            ::session::__private::part("shop_", <shop::Shop as ::session::SessionSchema>::__FIELDS),
        ];
        const TEXT: &[::core::primitive::u8] =
            &::session::__private::text::<{ ::session::__private::size(PARTS) }>(PARTS);
        &::session::__private::fields::<{ ::session::__private::count(PARTS) }>(PARTS, TEXT)
    };
    fn __accessors(handle: ::session::__private::Handle) -> VisitorSession {
        VisitorSession { __handle: handle }
    }
    fn __handle(accessors: &VisitorSession) -> &::session::__private::Handle {
        &accessors.__handle
    }
    fn __check(handle: &::session::__private::Handle) -> ::core::result::Result<(), ::session::Error> {
        VisitorSession::__user_id.check(handle)?;
        VisitorSession::__codes.check(handle)?;
        VisitorSession::__notice.check(handle)?;
        <shop::Shop as ::session::SessionSchema>::__check(&handle.under("shop_"))?;
        ::core::result::Result::Ok(())
    }
}
#[allow(
    clippy::all,
    clippy::nursery,
    clippy::pedantic,
    clippy::restriction,
    dead_code,
    deprecated,
    nonstandard_style
)]
const _: fn(&Visitor) = |schema| {
    let _ = &schema.user_id;
    let _ = &schema.codes;
    let _ = &schema.notice;
    let _ = &schema.shop;
};
const _: () = if let ::core::option::Option::Some(clash) =
    ::session::__private::duplicate(<Visitor as ::session::SessionSchema>::__FIELDS)
{
    ::core::panic!("{}", clash.as_str())
};
