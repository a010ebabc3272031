"""What each page is made of. A view never imports another view."""
