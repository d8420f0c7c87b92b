"""The dashboard's page in a browser, by keyboard and eye: what a person sees and
may do from the login to a deleted cluster. BYOC_SCREENSHOTS=yes takes the
pictures of docs/ on the way."""

import os
import pathlib
import shutil
import tempfile
import unittest

import yaml

from dashboard_case import DashboardCase
from sim import READ_ONLY_TOKEN, TOKEN, wait_for

try:
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.select import Select
    LACKING = [path for path in ("chromium", "chromedriver")
               if not shutil.which(path)]
except ImportError:
    LACKING = ["python3-selenium"]

DOCS = pathlib.Path(__file__).resolve().parents[2] / "docs"


@unittest.skipIf(LACKING, f"there is no {' '.join(LACKING)}")
class Page(DashboardCase):
    sim_options = ("--boot-seconds", "120")

    def setUp(self):
        super().setUp()
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        options = webdriver.ChromeOptions()
        options.binary_location = shutil.which("chromium")
        for argument in ("--headless=new", "--no-sandbox",
                         "--disable-dev-shm-usage", "--disable-gpu",
                         "--hide-scrollbars", "--window-size=1280,1000"):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        options.add_experimental_option(
            "prefs", {"download.default_directory": self.folder.name})
        self.browser = webdriver.Chrome(
            service=Service(shutil.which("chromedriver")), options=options)
        self.addCleanup(self.browser.quit)
        self.browser.get(self.address)

    # What is on the page

    def all(self, selector):
        return self.browser.find_elements(By.CSS_SELECTOR, selector)

    def one(self, selector):
        return self.browser.find_element(By.CSS_SELECTOR, selector)

    def see(self, selector, text="", timeout=60):
        """Waits until there is one with that text, and shown."""
        def shown():
            # What is drawn anew meanwhile is another element.
            return self.browser.execute_script(
                "return [...document.querySelectorAll(arguments[0])].find("
                "(one) => one.checkVisibility()"
                " && one.textContent.includes(arguments[1]))", selector, text)
        return wait_for(shown, f"{selector} with '{text}'", timeout)

    def fill(self, form, **fields):
        for name, value in fields.items():
            field = self.one(f"#{form} [name={name}]")
            if field.tag_name == "select":
                Select(field).select_by_visible_text(value)
            else:
                field.clear()
                field.send_keys(value)

    def add_credential(self, name, token):
        self.fill("add", name=name, token=token)
        self.one("#add-button").click()

    def take_picture(self, name, width=1280, height=1000, dark=False):
        if os.environ.get("BYOC_SCREENSHOTS") != "yes":
            return
        devtools = self.browser.execute_cdp_cmd
        devtools("Emulation.setDeviceMetricsOverride", {
            "width": width, "height": height, "deviceScaleFactor": 1.5,
            "mobile": False})
        devtools("Emulation.setEmulatedMedia", {"features": [
            {"name": "prefers-color-scheme",
             "value": "dark" if dark else "light"}]})
        self.browser.execute_async_script(
            "scrollTo(0, 0); requestAnimationFrame(() => setTimeout(arguments[0]))")
        self.browser.save_screenshot(str(DOCS / f"{name}.png"))
        devtools("Emulation.clearDeviceMetricsOverride", {})

    def assertNothingSticksOut(self, width):
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": width, "height": 800, "deviceScaleFactor": 1,
            "mobile": False})
        self.assertLessEqual(self.browser.execute_script(
            "return document.documentElement.scrollWidth"), width)
        self.browser.execute_cdp_cmd(
            "Emulation.clearDeviceMetricsOverride", {})

    # What a person does

    def test_from_the_login_to_a_deleted_cluster(self):
        self.see("#live", "Live")
        self.assertNotIn("token", self.browser.current_url)

        self.add_credential("read-only", READ_ONLY_TOKEN)
        self.see("#credentials .status.invalid")
        self.assertIn("Read & Write",
                      self.see("#credentials .reason", "token").text)
        self.add_credential("acme", TOKEN)
        self.see("#credentials li[data-status=ready]", "acme")
        self.assertEqual(
            self.one("#add [name=token]").get_property("value"), "")

        # Hetzner has no place for it at first.
        self.sim.fault(method="POST", path="/placement_groups", status=403,
                       code="resource_limit_exceeded")
        self.create("shop", "Three nodes, highly available", 2)
        self.see("#clusters li[data-status=failed] button", "Try again").click()
        self.see("#clusters .status.provisioning")
        self.see("#clusters svg .busy")
        self.see("#events li", "shop")
        # A picture of one that is under way tells most.
        self.see("#clusters svg .done[data-phase=network]")
        self.take_picture("dashboard")
        self.see("#clusters .status.running")
        self.assertEqual(self.all("#clusters svg .busy"), [])
        self.assertRegex(self.one("#clusters .detail").text,
                         r"2 workers · of type cx33 · \d+\.\d\d EUR a month"
                         r".* · API for 203\.0\.113\.0/24, 2001:db8::/32"
                         " · ingress by traefik · pods restricted$")
        self.see("#clusters summary", "Nodes").click()
        self.assertEqual(len(self.all("#clusters svg .bar")), 14)
        self.assertEqual(len(self.all("#clusters tbody tr")), 7)
        self.assertNothingSticksOut(390)
        self.take_picture("dashboard-phone", 390, 844, dark=True)

        self.see("#clusters button", "Kubeconfig").click()
        self.see("#message", "is downloaded")
        path = pathlib.Path(self.folder.name, "kubeconfig-shop.yaml")
        wait_for(path.exists, "the download")
        self.assertEqual(yaml.safe_load(path.read_text())["current-context"],
                         "shop")

        self.mend("worker-1")
        self.remove("bastion")

        self.see("#credentials li[data-status=invalid] button", "New").click()
        self.fill("rotation", token=TOKEN)
        self.one("#rotation .main").click()
        self.see("#credentials li[data-status=ready]", "read-only")
        # What the page did wrong, or its own rules forbade.
        self.assertEqual(self.browser.get_log("browser"), [])

    def create(self, name, type, workers):
        self.one("#create summary").click()
        self.assertHelped("create", ingress="Ingress",
                          pod_security="Pod security",
                          same_name="Allow the same name")
        self.fill("create", name=name, credential_id="acme", type=type,
                  workers=str(workers), server_type="cx33",
                  api_sources="203.0.113.0/24, 2001:db8::/32",
                  ingress="Traefik", pod_security="Restricted")
        self.one("#ask-cost").click()
        self.assertRegex(self.see("#cost", "a month").text, r"^\d+\.\d\d EUR")
        self.one("#cost summary").click()
        self.assertIn("control plane cx33 3",
                      self.see("#cost tbody", "load balancer").text)
        self.one("#confirm").click()

    def assertHelped(self, form, **labels):
        """Fields with their labels, and a sentence that is told with them."""
        for name, label in labels.items():
            field = self.one(f"#{form} [name={name}]")
            self.assertEqual(field.accessible_name, label)
            self.assertTrue(self.one(
                "#" + field.get_attribute("aria-describedby")).text)

    def mend(self, part):
        """Somebody deletes a node; an audit finds that, a repair makes it."""
        node = next(server for server in self.sim.state()["servers"]
                    if part in server["name"])
        self.sim.settle(self.sim.delete(f"/servers/{node['id']}"))
        self.see("#credentials li[data-status=ready] button", "Audit").click()
        self.see("#audit-list tbody tr", node["name"])
        self.one("#audit-cancel").click()
        self.see("#clusters button", "Repair").click()
        self.see("#audit-list tbody tr", node["name"])
        self.see("#audit-list button", "Repair shop").click()
        self.see("#events li", "shop repaired")
        self.see("#clusters button", "Repair").click()
        self.see("#audit-list p", "nothing to repair")
        self.one("#audit-cancel").click()

    def remove(self, neighbour):
        """A deletion that a server of somebody else holds up, until it is told
        to take that along; then its receipt."""
        [network] = self.sim.state()["networks"]
        self.sim.make_server(neighbour, networks=[network["id"]])
        self.see("#clusters button", "Delete").click()
        self.see("#deletion-list tbody tr", neighbour)
        self.see("#deletion-list h3", "This would stay")
        self.take_picture("dashboard-delete", height=1200, dark=True)
        delete = self.one("#deletion-confirm")
        self.fill("deletion", name="shop-2")
        self.assertFalse(delete.is_enabled())
        self.fill("deletion", name="shop")
        self.assertHelped("deletion", all_gone="Go on even if a new token "
                          "finds nothing of it")
        self.one("#deletion [name=all_gone]").click()
        # Another option, another list.
        also = self.one("#deletion [name=with_neighbours]")
        also.click()
        wait_for(lambda: "would stay" not in self.see(
            "#deletion-list", "This would be deleted").text, "the list")
        also.click()
        self.see("#deletion-list h3", "This would stay")
        delete.click()
        self.see("#clusters .status.deleting")
        self.see("#clusters tbody tr", neighbour)
        self.see("#clusters .reason", neighbour)
        self.see("#clusters button", "Go on").click()
        self.assertTrue(self.one("#deletion [name=all_gone]").is_selected())
        self.see("#deletion-list tbody tr", neighbour)
        also.click()
        self.fill("deletion", name="shop")
        delete.click()
        self.see("#no-clusters")
        self.see("#events li", "shop deleted")
        self.assertIn("nothing of it was left",
                      self.see("#deleted li", "shop").text)
        self.see("#deleted summary", "Receipt").click()
        self.see("#deleted h4", "Deleted (")
        self.see("#deleted tbody tr", neighbour)
        self.assertNothingSticksOut(390)
        self.take_picture("dashboard-receipt", height=700)

    def test_what_a_phase_waits_for_is_on_its_card(self):
        """As soon as it is told, and until it has passed."""
        self.sim.disturb(server="*-worker-0", fate="absent")
        credential = self.world.credential()
        cluster = self.world.create_cluster("slow", credential, workers=1)
        self.see("#live", "Live")
        lacks = f"1 of 2 nodes are ready; waiting for slow-{cluster[:8]}"
        self.see("#clusters .waits li", lacks)
        self.see("#events li", lacks)
        self.assertNothingSticksOut(390)
        self.sim.clear_faults()
        self.see("#clusters .status.running")
        self.assertEqual(self.all("#clusters .waits li"), [])
        self.world.delete_cluster(cluster)

    def test_two_tabs_are_live(self):
        self.world.credential()
        self.browser.execute_script("window.open('/')")
        tabs = self.browser.window_handles
        for tab in tabs:
            self.browser.switch_to.window(tab)
            self.see("#live", "Live")
        cluster = self.world.create_cluster("both")
        for tab in tabs:
            self.browser.switch_to.window(tab)
            self.see("#clusters .status.running")
        self.world.delete_cluster(cluster)

    def test_a_wrong_name_gets_a_sentence(self):
        self.world.credential()
        self.see("#credentials li[data-status=ready]")
        self.fill("create", name="Not Fine")
        self.one("#ask-cost").click()
        self.see("#cost", "a month")
        self.one("#confirm").click()
        self.see("#message.bad", "small letters")


if __name__ == "__main__":
    unittest.main()
