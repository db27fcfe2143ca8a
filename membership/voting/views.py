"""Every page of the vote; importing them puts them on the blueprint."""

from membership.voting import download_pages as download_pages
from membership.voting import follow_pages as follow_pages
from membership.voting import round_pages as round_pages
from membership.voting import suggest_pages as suggest_pages
from membership.voting import topic_pages as topic_pages
from membership.voting.room import blueprint as blueprint
