/** An event that was signed in the owner's name, and what each relay said. */
export interface PublishedOwn {
  readonly event_id: string;
  /** The key that signed it. */
  readonly by: string;
  readonly relays: readonly { readonly relay: string; readonly accepted: boolean; readonly message: string }[];
}
