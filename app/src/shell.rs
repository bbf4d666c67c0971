//! The HTML document around the application.

use crate::layout::Theme;
use leptos::{nonce::use_nonce, prelude::*};
use leptos_meta::{MetaTags, provide_meta_context};

/// Links under the pointer are fetched before the click. What changes something, or is large, is not.
#[cfg(not(feature = "sandbox"))]
const SPECULATION_RULES: &str = r#"{"prefetch":[{"where":{"and":[{"href_matches":"/*"},{"not":{"href_matches":"/*.csv*"}},{"not":{"href_matches":"/sign-*"}},{"not":{"selector_matches":"[download],[data-no-prefetch]"}}]},"eagerness":"moderate"}]}"#;
#[cfg(feature = "sandbox")]
const SPECULATION_RULES: &str = r#"{"prefetch":[{"where":{"and":[{"href_matches":"/*"},{"not":{"href_matches":"/*.csv*"}},{"not":{"href_matches":"/sandbox/*"}},{"not":{"href_matches":"/sign-*"}},{"not":{"selector_matches":"[download],[data-no-prefetch]"}}]},"eagerness":"moderate"}]}"#;

/// The theme comes from a cookie and is in the document before the first paint. `app` renders the router.
pub fn shell(options: LeptosOptions, app: impl FnOnce() -> AnyView) -> impl IntoView {
    provide_meta_context();
    let theme = Theme::of_request();
    let stylesheet = format!("/{}/{}.css", options.site_pkg_dir, options.output_name);
    let head = view! {
        <meta charset="utf-8"/>
        <meta name="viewport" content="width=device-width, initial-scale=1"/>
        <meta name="color-scheme" content=if theme == Theme::System { "light dark" } else { theme.as_str() }/>
        <link rel="preload" href="/fonts/inter-latin.woff2" r#as="font" r#type="font/woff2" crossorigin=""/>
        <link rel="stylesheet" href=stylesheet/>
        <link rel="icon" href="/favicon.svg" r#type="image/svg+xml"/>
        <HydrationScripts options=options.clone() islands=true/>
        <script type="speculationrules" nonce=use_nonce() inner_html=SPECULATION_RULES></script>
        <AutoReload options=options/>
        <MetaTags/>
    };
    // After the head: the scripts' component tells the renderer that only islands wake.
    let body = app();
    view! {
        <!DOCTYPE html>
        <html lang="en" data-theme=theme.as_str()>
            <head>{head}</head>
            <body>{body}</body>
        </html>
    }
}
