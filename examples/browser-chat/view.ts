export type Side = 'mine' | 'theirs' | 'note';

/** The page: everything that touches its elements. */
export class View {
  readonly #status = element('status', HTMLElement);
  readonly #invitation = element('invitation', HTMLElement);
  readonly #log = element('log', HTMLElement);
  readonly #typing = element('typing', HTMLElement);
  readonly #form = element('compose', HTMLFormElement);
  readonly #text = element('text', HTMLInputElement);
  #typingEnds: ReturnType<typeof setTimeout> | undefined;

  /** The user has sent a text. */
  onSend: (text: string) => void = () => undefined;
  /** The user has changed the text. */
  onTyping: () => void = () => undefined;

  constructor() {
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault();
      const text = this.#text.value.trim();
      this.#text.value = '';
      if (text !== '') this.onSend(text);
    });
    this.#text.addEventListener('input', () => this.onTyping());
  }

  status(state: 'connecting' | 'connected' | 'closed', text: string): void {
    this.#status.dataset.state = state;
    this.#status.textContent = text;
  }

  /** Shows how the other side gets in. */
  invite(link: string): void {
    element('open', HTMLAnchorElement).href = link;
    const copy = element('copy', HTMLButtonElement);
    copy.addEventListener('click', () => {
      navigator.clipboard.writeText(link).then(
        () => (copy.textContent = 'Copied'),
        () => (copy.textContent = 'The browser does not allow it'),
      );
    });
    this.#invitation.hidden = false;
  }

  /** The other side is there: texts can be sent. */
  begin(): void {
    this.#invitation.hidden = true;
    for (const control of this.#form.elements) control.toggleAttribute('disabled', false);
    this.#text.focus();
  }

  /** No more texts. */
  end(): void {
    for (const control of this.#form.elements) control.toggleAttribute('disabled', true);
  }

  /** Adds a line; the returned function writes how it fares beneath it. */
  show(side: Side, text: string): (fate: string) => void {
    const line = document.createElement('li');
    line.className = side;
    line.textContent = text;
    this.#log.append(line);
    this.#log.scrollTop = this.#log.scrollHeight;
    if (side === 'theirs') this.#typing.textContent = '';
    return (fate) => {
      const small = line.querySelector('small') ?? document.createElement('small');
      small.textContent = fate;
      line.append(small);
      this.#log.scrollTop = this.#log.scrollHeight;
    };
  }

  /** The other side types. */
  typing(): void {
    this.#typing.textContent = 'typing …';
    clearTimeout(this.#typingEnds);
    this.#typingEnds = setTimeout(() => {
      this.#typing.textContent = '';
    }, 3000);
  }
}

function element<T extends HTMLElement>(id: string, kind: abstract new () => T): T {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new Error(`the page has no ${id}`);
  return found;
}
