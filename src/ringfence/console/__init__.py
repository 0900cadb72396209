"""The console: the circle to look at. Every page is made on the server; the browser computes nothing and shows what it is told.

state       what the circle is at one moment
watch       reading it, from every book
figures     amounts, days, names for people
words       whole sentences in English and Chinese
svg, circle, bars, strip    the pictures, as pure functions of a state
rendering   a state as the parts of a page
hub         one watch for all pages that are open
entrance    coming in, leaving, what browsers load
pages       the circle, its stream
office_desk, office_pages    the same for a ring of one's own: desks, money, books
"""

from ringfence.console.install import install, install_office

__all__ = ["install", "install_office"]
