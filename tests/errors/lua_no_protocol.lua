charge("0.05 C", { cutoff = "3.98 V" })
