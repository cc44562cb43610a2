//! The guide's snippets for other programs, each read by that program itself on a booted Debian.
//! (Those for Seedship and nginx are tried in `tests/guide.rs`, where no system need be booted.)

use lab::{Booted, Lab};

use crate::page::{blocks, in_language};

#[test]
fn programs_take_what_the_guide_has_for_them() {
    if !lab::own_mounts!() {
        return;
    }
    let lab = Lab::new().unwrap();
    let Some(system) = Booted::boot(&lab) else { return };
    apache(&system);
    php(&system);
    sudo(&system);
    units(&system);
}

fn apache(system: &Booted) {
    let [site] = &in_language("web-servers.md", "apache")[..] else { panic!("one site") };
    system.write("/etc/apache2/sites-available/shop.conf", site).unwrap();
    let said = system
        .shell("a2enmod -q proxy_fcgi; a2ensite -q shop; apache2ctl -t 2>&1 || true")
        .unwrap();
    assert!(said.contains("Syntax OK"), "{said}");
}

/// The settings of mod_php and php-fpm, and what stands in Drupal's settings.php.
fn php(system: &Booted) {
    let settings = in_language("web-servers.md", "ini");
    let find = |key: &str| settings.iter().find(|block| block.contains(key)).expect(key);
    system.write("/etc/php/8.2/apache2/conf.d/99-seedship.ini", find("revalidate_path")).unwrap();
    let shown = "PHP_INI_SCAN_DIR=/etc/php/8.2/apache2/conf.d php -r \
        'echo ini_get(\"realpath_cache_size\"), ini_get(\"opcache.revalidate_path\");'";
    assert_eq!(system.shell(shown).unwrap(), "01");

    // It belongs to the part that is of no pool, at the top of the file.
    let timeout = find("process_control_timeout").trim();
    let said = system.shell(&format!(
        "sed -i 's/^\\[global\\]$/&\\n{timeout}/' /etc/php/8.2/fpm/php-fpm.conf
         grep -x '{timeout}' /etc/php/8.2/fpm/php-fpm.conf; php-fpm8.2 -t 2>&1"
    ));
    assert!(said.unwrap().contains("test is successful"));

    for snippet in in_language("drupal.md", "php") {
        system.write("/root/settings.php", format!("<?php\n{snippet}")).unwrap();
        system.shell("php -l /root/settings.php").unwrap();
    }
}

fn sudo(system: &Booted) {
    for rules in in_language("users.md", "sudoers") {
        assert!(!rules.contains('*'));
        system.write("/root/sudoers", rules).unwrap();
        system.shell("visudo -cf /root/sudoers").unwrap();
    }
}

/// systemd ends well also where it does not know a key: what it says must be nothing.
fn units(system: &Booted) {
    let mut seen = 0;
    for page in ["first-deploy.md", "systemd.md", "users.md"] {
        for block in blocks(page).iter().filter(|block| block.language == "ini") {
            // A timer or a path starts the service of its name.
            let service = "[Service]\nExecStart=/bin/true\n";
            let (name, text) = match block.text.as_str() {
                text if text.contains("[Timer]") => ("t.timer", text.to_owned()),
                text if text.contains("[Path]") => ("t.path", text.to_owned()),
                text => ("t.service", format!("{text}\n{service}")),
            };
            let unit = format!("/etc/systemd/system/{name}");
            system.write("/etc/systemd/system/t.service", service).unwrap();
            system.write(&unit, text).unwrap();
            let said = system.shell(&format!("systemd-analyze verify {unit} 2>&1")).unwrap();
            assert_eq!(said, "", "{page}: {}", block.text);
            seen += 1;
        }
    }
    assert!(seen >= 3, "{seen}");
}
