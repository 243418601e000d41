"""What a hub offers: searched, told apart into variants, and judged before anything is fetched."""
