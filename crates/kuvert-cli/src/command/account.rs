//! `kuvert address`

use qrcode::QrCode;
use qrcode::render::unicode;

use crate::args::{Address, Global};
use crate::exit::{Failure, Outcome};
use crate::object::OwnAddress;
use crate::session::Session;

pub(crate) async fn run(global: &Global, args: &Address) -> Outcome {
    let session = Session::open(global)?;
    let address = session.client.address().to_string();
    let draws = args.qr && !global.json && !global.plain;
    let picture = draws.then(|| qr(&address)).transpose()?;
    session.output.show(&OwnAddress { address }, |own| match picture {
        Some(picture) => format!("{}\n\n{picture}", own.address),
        None => own.address.clone(),
    })?;
    session.settle().await
}

/// Dark modules on a light ground, two to a character.
fn qr(address: &str) -> Outcome<String> {
    let code = QrCode::new(address)
        .map_err(|error| Failure::failed(format!("cannot draw the address: {error}")))?;
    let (dark, light) = (unicode::Dense1x2::Light, unicode::Dense1x2::Dark);
    Ok(code.render().dark_color(dark).light_color(light).build())
}

#[cfg(test)]
mod tests {
    #[test]
    fn an_address_fits_a_code_of_80_columns() {
        let address = format!("kuvert://relay.example:12345/{}", "a".repeat(52));
        let picture = super::qr(&address).unwrap();
        assert!(picture.lines().all(|line| line.chars().count() <= 80), "{picture}");
    }
}
